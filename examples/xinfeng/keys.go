package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// keys is the command for the keys of the service, and all below it.
type keys struct {
	t       *tool
	service serviceFlags

	alias, description, every string
	never, remove, yes        bool
	days                      int

	kms service
}

func (t *tool) keysCommand() *cobra.Command {
	k := &keys{t: t}
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, list and change the keys of the key service",
		Long: `Keys works on the customer master keys of the key service, the local one or,
with --kms cloud, the cloud's. They never leave the service.

KEY is the id of a key, an alias, or the ARN of either.`,
		Example: `  xinfeng keys create --alias alias/work --rotate-every 365d
  xinfeng keys list
  xinfeng keys rotate alias/work --every 90d`,
	}
	k.service.register(cmd.PersistentFlags())
	cmd.PersistentFlags().SortFlags = false

	create := k.command("create", "Make a key", "  xinfeng keys create --alias alias/work\n  xinfeng keys create --description 'backups' --rotate-every 365d", cobra.NoArgs, k.create)
	create.Flags().StringVar(&k.alias, "alias", "", "`name` for it, as in alias/work")
	create.Flags().StringVar(&k.description, "description", "", "`text` that says what it is for")
	create.Flags().StringVar(&k.every, "rotate-every", "", "new version after so many `days`, 7d to 730d (default never)")

	list := k.command("list", "List the keys of the account", "  xinfeng keys list\n  xinfeng keys list --json", cobra.NoArgs, k.list)

	describe := k.command("describe KEY", "Say what the service says of a key", "  xinfeng keys describe alias/work", cobra.ExactArgs(1), k.describe)

	rotate := k.command("rotate KEY", "Have a key rotate", "  xinfeng keys rotate alias/work --every 365d\n  xinfeng keys rotate alias/work --never", cobra.ExactArgs(1), k.rotate)
	rotate.Long = `Rotate has the service make a new version of a key every so many days, counted
from its last one: at once if that is longer ago. New messages are wrapped under
the newest version, old ones still open; 'rewrap' moves them.`
	rotate.Flags().StringVar(&k.every, "every", "", "`days` from version to version, 7d to 730d")
	rotate.Flags().BoolVar(&k.never, "never", false, "do not rotate it any more")

	alias := k.command("alias NAME [KEY]", "Give a key a name, or take it away", "  xinfeng keys alias alias/work 1234abcd-12ab-34cd-56ef-12345678abcd\n  xinfeng keys alias --delete alias/work", cobra.RangeArgs(1, 2), k.name)
	alias.Long = `Alias has a name lead to a key, also if it leads to another one now. Messages
name keys and not aliases: those under the old key open with --key of that.`
	alias.Flags().BoolVar(&k.remove, "delete", false, "take the name away; the key stays")

	disable := k.command("disable KEY", "Make a key unusable until it is enabled", "  xinfeng keys disable alias/work", cobra.ExactArgs(1), k.change("DisableKey"))
	enable := k.command("enable KEY", "Make a disabled key usable", "  xinfeng keys enable alias/work", cobra.ExactArgs(1), k.change("EnableKey"))

	schedule := k.command("schedule-deletion KEY", "Have a key destroyed after some days", "  xinfeng keys schedule-deletion alias/old --days 30\n  xinfeng keys schedule-deletion --yes alias/old          # in a script", cobra.ExactArgs(1), k.schedule)
	schedule.Long = `Schedule-deletion makes a key unusable now and has the service destroy it after
a window of days. When it is destroyed, no message under it opens ever again.
'rewrap --dry-run' says what is under which key. It asks first, and where there
is nobody to ask it does nothing without --yes.`
	schedule.Flags().IntVar(&k.days, "days", 30, "length of the window in `days`, 7 or more")
	schedule.Flags().BoolVar(&k.yes, "yes", false, "do not ask")
	cancel := k.command("cancel-deletion KEY", "Keep a key that was to be destroyed", "  xinfeng keys cancel-deletion alias/old", cobra.ExactArgs(1), k.change("CancelKeyDeletion"))

	cmd.AddCommand(create, list, describe, rotate, alias, disable, enable, schedule, cancel)
	return cmd
}

// command returns a command below keys, which has the service when it runs.
func (k *keys) command(use, short, example string, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	return k.t.command(&cobra.Command{Use: use, Short: short, Example: example, Args: args}, func(ctx context.Context, args []string) (err error) {
		if err := k.service.check(k.t, "", ""); err != nil {
			return err
		}
		if k.kms, err = k.service.service(k.t); err != nil {
			return err
		}
		return run(ctx, args)
	})
}

// A keyReport is what the service says of a key, and its aliases. As JSON it is one line, with these names.
type keyReport struct {
	KeyID        string   `json:"key_id"`
	ARN          string   `json:"arn"`
	State        string   `json:"state"`
	Spec         string   `json:"spec"`
	Description  string   `json:"description,omitempty"`
	Created      string   `json:"created"`
	Version      string   `json:"primary_version,omitempty"`
	Rotation     string   `json:"rotation_interval,omitempty"` // seconds, as in 31536000s
	LastRotation string   `json:"last_rotation,omitempty"`
	NextRotation string   `json:"next_rotation,omitempty"`
	DeleteDate   string   `json:"delete_date,omitempty"`
	Aliases      []string `json:"aliases,omitempty"`
}

// metadata is KeyMetadata as the service answers it.
type metadata struct {
	KeyMetadata struct {
		KeyID             string `json:"KeyId"`
		Arn               string
		KeyState          string
		KeySpec           string
		Description       string
		CreationDate      string
		PrimaryKeyVersion string
		RotationInterval  string
		LastRotationDate  string
		NextRotationDate  string
		DeleteDate        string
	}
}

func (m *metadata) report() keyReport {
	d := &m.KeyMetadata
	return keyReport{KeyID: d.KeyID, ARN: d.Arn, State: d.KeyState, Spec: d.KeySpec, Description: d.Description, Created: d.CreationDate,
		Version: d.PrimaryKeyVersion, Rotation: d.RotationInterval, LastRotation: d.LastRotationDate, NextRotation: d.NextRotationDate, DeleteDate: d.DeleteDate}
}

// get returns what the service says of a key, its aliases included.
func (k *keys) get(ctx context.Context, key string) (keyReport, error) {
	var m metadata
	if err := k.kms.do(ctx, key, "DescribeKey", nil, &m); err != nil {
		return keyReport{}, err
	}
	r := m.report()
	var aliases aliasList
	if err := k.kms.do(ctx, r.ARN, "ListAliasesByKeyId", map[string]string{"PageSize": "100"}, &aliases); err != nil {
		return keyReport{}, err
	}
	for _, a := range aliases.Aliases.Alias {
		r.Aliases = append(r.Aliases, a.AliasName)
	}
	return r, nil
}

// show prints a key after what was done to it.
func (k *keys) show(ctx context.Context, key string) error {
	r, err := k.get(ctx, key)
	if err != nil {
		return err
	}
	return k.print(r)
}

func (k *keys) print(r keyReport) error {
	if k.t.json {
		return k.t.encode(k.t.out, r)
	}
	k.t.printf("%s %s", r.ARN, r.State)
	for _, line := range []struct{ name, value string }{
		{"alias", strings.Join(r.Aliases, " ")}, {"description", r.Description}, {"spec", r.Spec}, {"created", r.Created}, {"version", r.Version},
		{"rotates every", inDays(r.Rotation)}, {"last rotated", r.LastRotation}, {"rotates next", r.NextRotation}, {"destroyed on", r.DeleteDate},
	} {
		if line.value != "" {
			k.t.printf("  %-13s %s", line.name, show(line.value))
		}
	}
	return nil
}

// inDays returns an interval of the service, which is seconds, in days where it is whole ones.
func inDays(interval string) string {
	d, err := time.ParseDuration(interval)
	if err != nil || d%(24*time.Hour) != 0 {
		return interval
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// days reads the value of a flag such as 90d and returns it as the service wants it.
func days(flag, value string) (string, error) {
	digits, ok := strings.CutSuffix(value, "d")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || n < 7 || n > 730 {
		return "", usagef("%s %q: want days, from 7d to 730d", flag, value)
	}
	return fmt.Sprintf("%ds", n*24*60*60), nil
}

// aliasName returns the name of an alias, which may be given without its prefix.
func aliasName(name string) string {
	if strings.HasPrefix(name, "alias/") || strings.HasPrefix(name, "acs:") {
		return name
	}
	return "alias/" + name
}

func (k *keys) create(ctx context.Context, _ []string) error {
	params := map[string]string{}
	if k.description != "" {
		params["Description"] = k.description
	}
	if k.every != "" {
		interval, err := days("--rotate-every", k.every)
		if err != nil {
			return err
		}
		params["EnableAutomaticRotation"], params["RotationInterval"] = "true", interval
	}
	if k.alias != "" { // else each try makes a key that nobody asked for
		switch r, err := k.get(ctx, aliasName(k.alias)); {
		case err == nil:
			return fmt.Errorf("%s is the name of %s already; 'xinfeng keys alias' moves it", aliasName(k.alias), r.ARN)
		case !errors.Is(err, kmsapi.ErrKeyNotFound) && !errors.Is(err, errNoLocal):
			return err
		}
	}
	var m metadata
	if err := k.kms.do(ctx, "", "CreateKey", params, &m); err != nil {
		return err
	}
	arn := m.KeyMetadata.Arn
	if k.alias != "" {
		if err := k.kms.do(ctx, arn, "CreateAlias", map[string]string{"AliasName": aliasName(k.alias)}, nil); err != nil {
			return fmt.Errorf("the key %s was made, but not its alias: %w", arn, err)
		}
	}
	return k.show(ctx, arn)
}

func (k *keys) describe(ctx context.Context, args []string) error { return k.show(ctx, args[0]) }

func (k *keys) rotate(ctx context.Context, args []string) error {
	if (k.every == "") == !k.never {
		return usagef("want either --every or --never")
	}
	params := map[string]string{"EnableAutomaticRotation": "false"}
	if k.every != "" {
		interval, err := days("--every", k.every)
		if err != nil {
			return err
		}
		params["EnableAutomaticRotation"], params["RotationInterval"] = "true", interval
	}
	return k.onKey(ctx, args[0], "UpdateRotationPolicy", params)
}

func (k *keys) schedule(ctx context.Context, args []string) error {
	if !k.yes && !k.t.terminal(k.t.in) {
		return usagef("want --yes: standard input is no terminal, so there is nobody to ask")
	}
	r, err := k.get(ctx, args[0])
	if err != nil {
		return err
	}
	if !k.yes {
		if err := k.t.confirm(ctx, fmt.Sprintf("%s is to be unusable now and destroyed in %d days.\nNo message under it will open ever again.", named(r), k.days)); err != nil {
			return err
		}
	}
	return k.onKey(ctx, r.ARN, "ScheduleKeyDeletion", map[string]string{"PendingWindowInDays": strconv.Itoa(k.days)})
}

// named returns what a key is called, for people.
func named(r keyReport) string {
	if len(r.Aliases) == 0 {
		return r.ARN
	}
	return fmt.Sprintf("%s (%s)", r.ARN, show(strings.Join(r.Aliases, " ")))
}

// change returns the function of a command that is one operation on a key.
func (k *keys) change(action string) func(ctx context.Context, args []string) error {
	return func(ctx context.Context, args []string) error { return k.onKey(ctx, args[0], action, nil) }
}

// onKey calls an operation on a key and shows what has become of it. Most operations take no alias, so it is resolved.
func (k *keys) onKey(ctx context.Context, key, action string, params map[string]string) error {
	r, err := k.get(ctx, key)
	if err != nil {
		return err
	}
	if err := k.kms.do(ctx, r.ARN, action, params, nil); err != nil {
		return err
	}
	return k.show(ctx, r.ARN)
}

// name gives a key an alias, or removes it.
func (k *keys) name(ctx context.Context, args []string) error {
	alias := aliasName(args[0])
	if k.remove {
		if len(args) != 1 {
			return usagef("--delete: want NAME alone")
		}
		return k.kms.do(ctx, "", "DeleteAlias", map[string]string{"AliasName": alias}, nil)
	}
	if len(args) != 2 {
		return usagef("want NAME and KEY")
	}
	r, err := k.get(ctx, args[1])
	if err != nil {
		return err
	}
	params := map[string]string{"AliasName": alias}
	err = k.kms.do(ctx, r.ARN, "CreateAlias", params, nil)
	if errors.Is(err, kmsapi.ErrConflict) { // it leads somewhere already
		err = k.kms.do(ctx, r.ARN, "UpdateAlias", params, nil)
	}
	if err != nil {
		return err
	}
	return k.show(ctx, r.ARN)
}
