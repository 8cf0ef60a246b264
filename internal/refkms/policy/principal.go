package policy

import (
	"slices"
	"strings"
)

// A principal is an entry of a Principal element.
type principal struct {
	account string // acs:ram::<account>: where every user and role of the account is meant
	exact   string // otherwise: an ARN, or the name of a service
}

func (p principal) match(who string) bool {
	if p.account != "" {
		return strings.HasPrefix(who, p.account)
	}
	return p.exact == who
}

// principals reads a Principal element.
func (p *parser) principals() ([]principal, error) {
	var principals []principal
	err := p.block(func(name string) error {
		compile, ok := principalKinds[name]
		if !ok {
			return p.fail(ErrElement, "")
		}
		texts, err := p.texts()
		if err != nil {
			return err
		}
		for _, text := range texts {
			entry, ok := compile(text)
			if !ok {
				return p.fail(ErrValue, text)
			}
			principals = append(principals, entry)
		}
		return nil
	})
	return principals, err
}

// principalKinds are the kinds of principals, each with what may stand under it. None of them has patterns.
var principalKinds = map[string]func(text string) (principal, bool){
	"RAM": func(text string) (principal, bool) {
		account, rest, ok := cutAccount(text)
		if !ok {
			return principal{}, false
		}
		if rest == "root" || rest == "*" {
			return principal{account: account}, true
		}
		return named(text, rest, "user", "role")
	},
	"Service": func(text string) (principal, bool) {
		name, ok := strings.CutSuffix(text, ".aliyuncs.com")
		return principal{exact: text}, ok && isName(name)
	},
	"Federated": func(text string) (principal, bool) {
		_, rest, ok := cutAccount(text)
		if !ok {
			return principal{}, false
		}
		return named(text, rest, "saml-provider")
	},
}

// cutAccount splits acs:ram::<account>:<rest> before the rest.
func cutAccount(arn string) (account, rest string, ok bool) {
	const prefix = "acs:ram::"
	tail, ok := strings.CutPrefix(arn, prefix)
	if !ok {
		return "", "", false
	}
	id, rest, ok := strings.Cut(tail, ":")
	return prefix + id + ":", rest, ok && isDigits(id)
}

// named takes the ARN of one user, role or provider.
func named(arn, rest string, kinds ...string) (principal, bool) {
	kind, name, ok := strings.Cut(rest, "/")
	return principal{exact: arn}, ok && slices.Contains(kinds, kind) && isName(name)
}

// isName reports whether s can be a name, which no pattern can.
func isName(s string) bool { return s != "" && !strings.ContainsAny(s, "*?:/ \t\r\n") }
