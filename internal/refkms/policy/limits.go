package policy

const (
	// MaxSize is the greatest length of a policy that is attached to users, groups and roles, and of a role's trust policy,
	// in characters (code points), white space included.
	MaxSize = 6144
	// MaxSessionSize is the greatest length of a session policy, the Policy of AssumeRole, in characters.
	MaxSessionSize = 2048
)
