// Package policy is the policy language of RAM and its verdict: [Parse] compiles a document once, and [Evaluate] says
// whether policies allow an action on a resource. It is pure: it knows no user, no key, no clock and no store; what a
// condition asks for, the caller looks up.
//
// A document is refused, with an [Error] that says what is wrong and where, as soon as it uses anything that RAM does not
// have. To ignore an element would widen access: a policy of another cloud with NotResource or StringEqualsIfExists does
// not mean here what it says.
//
// Three things are for the caller to know. The account itself is not evaluated: it may do everything with what is its
// own. A call that needs several pairs of action and resource is allowed if every pair is. And AssumeRole needs both the
// caller's policies ([Evaluate]) and the role's trust policy ([Trust.Evaluate]) to say [Allow].
//
// # Compatibility
//
// Internal: everything here may change tomorrow, except what a document means.
package policy
