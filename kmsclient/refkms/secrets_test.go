package refkms_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func TestSecrets(t *testing.T) {
	_, c := client(t, frozen())
	ctx := t.Context()
	cmk := newKey(t, c)
	err := c.CreateSecret(ctx, &refkms.CreateSecretRequest{SecretName: "team/a", VersionID: "v1", SecretData: plaintext("one"), SecretDataType: "binary",
		EncryptionKeyID: cmk, Description: "d", Tags: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	put := &refkms.PutSecretValueRequest{SecretName: "team/a", VersionID: "v2", SecretData: plaintext("two"), VersionStages: []string{"B", "A"}}
	for range 2 { // the same again is no error
		if err := c.PutSecretValue(ctx, put); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.GetSecretValue(ctx, &refkms.GetSecretValueRequest{SecretName: "team/a"})
	if err != nil || got.VersionID != "v1" || string(got.SecretData.Bytes()) != "one" || got.SecretDataType != "binary" || got.RequestID == "" ||
		got.SecretName != "team/a" || fmt.Sprint(got.VersionStages) != "[ACSCurrent]" || got.CreateTime != "2026-01-02T03:04:05Z" {
		t.Errorf("GetSecretValue = %+v, %v", got, err)
	}
	got, err = c.GetSecretValue(ctx, &refkms.GetSecretValueRequest{SecretName: "team/a", VersionID: "v2", VersionStage: "A"})
	if err != nil || string(got.SecretData.Bytes()) != "two" || got.SecretDataType != "text" || fmt.Sprint(got.VersionStages) != "[A B]" {
		t.Errorf("GetSecretValue = %+v, %v", got, err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		fmt.Fprintf(&out, verb, got)
		fmt.Fprintf(&out, verb, *put)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "got", got)
	if strings.Contains(out.String(), "two") || strings.Contains(out.String(), "116 119 111") {
		t.Errorf("the value shows: %s", out.String())
	}
	var described struct {
		EncryptionKeyId, Description string
		Tags                         struct {
			Tag []struct{ TagKey, TagValue string }
		}
	}
	if err := c.Do(ctx, "DescribeSecret", map[string]string{"SecretName": "team/a", "FetchTags": "true"}, &described); err != nil ||
		described.EncryptionKeyId != cmk || described.Description != "d" || fmt.Sprint(described.Tags.Tag) != "[{k v}]" {
		t.Errorf("DescribeSecret = %+v, %v", described, err)
	}
}

// What is refused matches its cause, where there is one, and its code.
func TestRefusalsOfSecrets(t *testing.T) {
	_, c := client(t, &refkms.Options{Quotas: &refkms.Quotas{Secrets: 2}})
	ctx := t.Context()
	cmk := newKey(t, c)
	create := func(name, key string) error {
		return c.CreateSecret(ctx, &refkms.CreateSecretRequest{SecretName: name, VersionID: "v1", SecretData: plaintext("x"), EncryptionKeyID: key})
	}
	do := func(action string, params ...string) error {
		texts := map[string]string{}
		for i := 0; i < len(params); i += 2 {
			texts[params[i]] = params[i+1]
		}
		return c.Do(ctx, action, texts, nil)
	}
	for _, name := range []string{"s", "dying"} {
		if err := create(name, cmk); err != nil {
			t.Fatal(err)
		}
	}
	if err := do("DeleteSecret", "SecretName", "dying"); err != nil {
		t.Fatal(err)
	}
	if err := c.DisableKey(ctx, cmk); err != nil {
		t.Fatal(err)
	}
	get := func(name string) error {
		_, err := c.GetSecretValue(ctx, &refkms.GetSecretValueRequest{SecretName: name})
		return err
	}
	for _, tt := range []struct {
		name  string
		err   error
		code  string
		cause error // nil for none
	}{
		{"no value", c.CreateSecret(ctx, &refkms.CreateSecretRequest{SecretName: "s", VersionID: "v1"}), "MissingParameter", kmsapi.ErrInvalidParameter},
		{"bad name", create("a b", ""), "InvalidParameter", kmsapi.ErrInvalidParameter},
		{"exists", create("s", ""), "Rejected.ResourceExist", kmsapi.ErrConflict},
		{"in the window", create("dying", ""), "Rejected.ResourceInDeleteWindow", kmsapi.ErrConflict},
		{"quota", create("new", ""), "Rejected.LimitExceeded", kmsapi.ErrLimitExceeded},
		{"not found", get("none"), "Forbidden.ResourceNotFound", nil},
		{"CMK disabled", get("s"), "Rejected.Disabled", kmsapi.ErrDisabled},
		{"no label", c.PutSecretValue(ctx, &refkms.PutSecretValueRequest{SecretName: "s", VersionID: "v2", SecretData: plaintext("x"), VersionStages: []string{}}),
			"InvalidParameter", kmsapi.ErrInvalidParameter},
		{"not in the window", do("RestoreSecret", "SecretName", "s"), "Rejected.ResourceInUse", kmsapi.ErrConflict},
		{"label elsewhere", do("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "A", "RemoveFromVersion", "v1"), "Rejected.InvalidRequest", kmsapi.ErrInvalidParameter},
		{"policy", do("GetSecretPolicy", "SecretName", "s"), "Forbidden.KeyPolicyUnSupported", kmsapi.ErrUnsupportedOperation},
		{"tag twice", do("TagResources", "ResourceType", "secret", "ResourceId.1", "s", "Tag.1.Key", "k", "Tag.2.Key", "k"), "Duplicate.TagKey", kmsapi.ErrInvalidParameter},
		{"tag of nothing", do("TagResources", "ResourceType", "secret", "ResourceId.1", "none", "Tag.1.Key", "k"), "InvalidResourceId.NotFound", nil},
	} {
		var refusal *refkms.Error
		if !errors.As(tt.err, &refusal) || refusal.Code != tt.code || tt.cause != nil && !errors.Is(tt.err, tt.cause) {
			t.Errorf("%s: %v, want %s, %v", tt.name, tt.err, tt.code, tt.cause)
		}
	}
}

// Every operation on secrets and tags answers the official SDK in JSON and in XML, and tells it the same.
func TestSecretsBySDK(t *testing.T) {
	answers := map[string][]string{}
	for _, format := range []string{"JSON", "XML"} {
		server, _ := client(t, frozen())
		id, secret := server.AccessKey()
		c := sdk(t, server, id, secret)
		do := func(name string, rpc *requests.RpcRequest, send func() (responses.AcsResponse, error)) {
			t.Helper()
			rpc.Scheme, rpc.AcceptFormat = "https", format
			answer, err := send()
			if err != nil {
				t.Errorf("%s in %s = %v", name, format, err)
				return
			}
			body := answer.GetHttpContentBytes()
			var root struct{ XMLName xml.Name }
			if format == "XML" && (xml.Unmarshal(body, &root) != nil || root.XMLName.Local != "KMS") || format == "JSON" && !json.Valid(body) {
				t.Errorf("%s answers no %s: %s", name, format, body)
			}
			doc, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			var fields map[string]any
			if err := json.Unmarshal(doc, &fields); err != nil {
				t.Fatal(err)
			}
			for _, random := range []string{"RequestId", "RandomPassword"} {
				if s, ok := fields[random].(string); ok && s != "" {
					fields[random] = "random"
				}
			}
			answers[format] = append(answers[format], fmt.Sprintf("%s %v", name, fields))
		}
		create := kms.CreateCreateSecretRequest()
		create.SecretName, create.VersionId, create.SecretData = "db_cred", "v1", `{"uname":"alice","pwd":"<&>'12张"}`
		create.Tags = `[{"TagKey":"k","TagValue":"v"}]`
		do("CreateSecret", create.RpcRequest, func() (responses.AcsResponse, error) { return c.CreateSecret(create) })
		put := kms.CreatePutSecretValueRequest()
		put.SecretName, put.VersionId, put.SecretData, put.VersionStages = "db_cred", "v2", "x", `["ACSCurrent","ACSNext"]`
		do("PutSecretValue", put.RpcRequest, func() (responses.AcsResponse, error) { return c.PutSecretValue(put) })
		get := kms.CreateGetSecretValueRequest()
		get.SecretName, get.VersionStage, get.FetchExtendedConfig = "db_cred", "ACSPrevious", "true"
		do("GetSecretValue", get.RpcRequest, func() (responses.AcsResponse, error) { return c.GetSecretValue(get) })
		list := kms.CreateListSecretsRequest()
		list.FetchTags = "true"
		do("ListSecrets", list.RpcRequest, func() (responses.AcsResponse, error) { return c.ListSecrets(list) })
		describe := kms.CreateDescribeSecretRequest()
		describe.SecretName, describe.FetchTags = "db_cred", "true"
		do("DescribeSecret", describe.RpcRequest, func() (responses.AcsResponse, error) { return c.DescribeSecret(describe) })
		versions := kms.CreateListSecretVersionIdsRequest()
		versions.SecretName, versions.IncludeDeprecated = "db_cred", "true"
		do("ListSecretVersionIds", versions.RpcRequest, func() (responses.AcsResponse, error) { return c.ListSecretVersionIds(versions) })
		stage := kms.CreateUpdateSecretVersionStageRequest()
		stage.SecretName, stage.VersionStage, stage.MoveToVersion = "db_cred", "ACSCurrent", "v1"
		do("UpdateSecretVersionStage", stage.RpcRequest, func() (responses.AcsResponse, error) { return c.UpdateSecretVersionStage(stage) })
		update := kms.CreateUpdateSecretRequest()
		update.SecretName, update.Description = "db_cred", "d"
		do("UpdateSecret", update.RpcRequest, func() (responses.AcsResponse, error) { return c.UpdateSecret(update) })
		password := kms.CreateGetRandomPasswordRequest()
		password.ExcludePunctuation = "true"
		do("GetRandomPassword", password.RpcRequest, func() (responses.AcsResponse, error) { return c.GetRandomPassword(password) })
		tag := kms.CreateTagResourceRequest()
		tag.SecretName, tag.Tags = "db_cred", `[{"TagKey":"l","TagValue":"w"}]`
		do("TagResource", tag.RpcRequest, func() (responses.AcsResponse, error) { return c.TagResource(tag) })
		tags := kms.CreateTagResourcesRequest()
		tags.ResourceType, tags.ResourceId = "secret", &[]string{"db_cred"}
		tags.Tag = &[]kms.TagResourcesTag{{Key: "m", Value: "x"}, {Key: "n"}}
		do("TagResources", tags.RpcRequest, func() (responses.AcsResponse, error) { return c.TagResources(tags) })
		listTags := kms.CreateListTagResourcesRequest()
		listTags.ResourceType, listTags.ResourceId = "secret", &[]string{"db_cred"}
		listTags.Tag = &[]kms.ListTagResourcesTag{{Key: "m"}}
		do("ListTagResources", listTags.RpcRequest, func() (responses.AcsResponse, error) { return c.ListTagResources(listTags) })
		untag := kms.CreateUntagResourceRequest()
		untag.SecretName, untag.TagKeys = "db_cred", `["l"]`
		do("UntagResource", untag.RpcRequest, func() (responses.AcsResponse, error) { return c.UntagResource(untag) })
		untags := kms.CreateUntagResourcesRequest()
		untags.ResourceType, untags.ResourceId, untags.TagKey = "secret", &[]string{"db_cred"}, &[]string{"m", "none"}
		do("UntagResources", untags.RpcRequest, func() (responses.AcsResponse, error) { return c.UntagResources(untags) })
		remove := kms.CreateDeleteSecretRequest()
		remove.SecretName, remove.RecoveryWindowInDays = "db_cred", "7"
		do("DeleteSecret", remove.RpcRequest, func() (responses.AcsResponse, error) { return c.DeleteSecret(remove) })
		restore := kms.CreateRestoreSecretRequest()
		restore.SecretName = "db_cred"
		do("RestoreSecret", restore.RpcRequest, func() (responses.AcsResponse, error) { return c.RestoreSecret(restore) })

		managed := kms.CreateCreateSecretRequest()
		managed.SecretName, managed.VersionId, managed.SecretType = "rds", "v1", "Rds"
		managed.SecretData = `{"Accounts":[{"AccountName":"u","AccountPassword":"p"}]}`
		managed.ExtendedConfig, managed.EnableAutomaticRotation, managed.RotationInterval = `{"SecretSubType":"SingleUser","DBInstanceId":"i"}`, "true", "7d"
		do("CreateSecret", managed.RpcRequest, func() (responses.AcsResponse, error) { return c.CreateSecret(managed) })
		rotate := kms.CreateRotateSecretRequest()
		rotate.SecretName, rotate.VersionId = "rds", "v2"
		do("RotateSecret", rotate.RpcRequest, func() (responses.AcsResponse, error) { return c.RotateSecret(rotate) })
		rotation := kms.CreateUpdateSecretRotationPolicyRequest()
		rotation.SecretName, rotation.EnableAutomaticRotation = "rds", "false"
		do("UpdateSecretRotationPolicy", rotation.RpcRequest, func() (responses.AcsResponse, error) { return c.UpdateSecretRotationPolicy(rotation) })
	}
	if len(answers["JSON"]) != 19 {
		t.Errorf("%d operations have answered", len(answers["JSON"]))
	}
	for i, answer := range answers["JSON"] {
		if i < len(answers["XML"]) && answers["XML"][i] != answer {
			t.Errorf("in JSON %s\nin XML %s", answer, answers["XML"][i])
		}
	}
	if got := fmt.Sprint(answers["JSON"][2]); !strings.Contains(got, `SecretData:{"uname":"alice","pwd":"<&>'12张"}`) {
		t.Errorf("GetSecretValue tells the SDK %s", got)
	}
}
