// Package kmsclient calls Alibaba Cloud KMS. It adds to the official SDK what a service needs that runs for years:
// contexts that end calls, retries, errors that can be matched, credentials that refresh themselves, and use by many
// goroutines.
//
//	client, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou"})
//	provider, err := keyring.NewKMS(client, "acs:kms:cn-hangzhou:1234567890123456:alias/Apollo/WorkKey", nil)
//
// [Client] is a kmsapi.API, which the providers of package keyring are made of. For data of less than 6 KB that are to be
// encrypted by the service itself it has [Client.EncryptBytes] and, for text, [Client.Encrypt]; for the rest of the
// service's operations [Client.SDK]. [Regions] has a client for each region.
//
// # Contexts and retries
//
// A call returns as soon as its context is done; nothing of it stays behind. Calls are sent again, up to
// [Options.MaxAttempts] times, if the service throttles them, answers with a status of 5xx, InternalFailure or
// ServiceUnavailableTemporary, refuses or resets the connection, or has not answered in [Options.Timeout]: never if the
// answer would be the same. In between it waits a random time below 200 ms, 400 ms, 800 ms, 1.6 s and so on up to 5 s,
// or longer if the service says so; a wait that the context's deadline or [Options.MaxElapsed] would cut short is not
// begun. Retries of one Client are bounded: a hundred at first, and then one for every ten calls that succeed. When they
// run out, the error is that of the last answer, with the number of attempts. All operations here may be repeated, for
// the service keeps nothing of them; calls of [Client.SDK] are sent once.
//
// # What it does not protect against
//
// What is encrypted by Encrypt or EncryptBytes goes to the service, in the parameters of a URL within TLS: proxies that
// end TLS see it, and may log it. Copies of it that the SDK makes are left to the garbage collector. With the
// environment variable DEBUG containing "sdk" or "credential" the SDK and credentials-go print requests, secrets
// included, to standard output; nothing here can keep them from it, so it must not be set.
//
// # Compatibility
//
// Before version 1 the API may change with a note in the changelog. It works with KMS API version 2016-01-20 at public
// endpoints and those of a VPC, and through alibaba-cloud-sdk-go v1 and credentials-go v1.
//
// # Specification
//
// Operations, parameters, limits and error codes are those of the service's API reference for version 2016-01-20.
package kmsclient
