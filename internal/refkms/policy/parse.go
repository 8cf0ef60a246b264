package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Policy is a compiled identity policy or session policy. It is immutable and safe for concurrent use. [Parse] and
// [ParseSession] make it; the zero value allows and denies nothing.
type Policy struct{ statements []statement }

// Parse compiles a policy for users, groups and roles, of at most [MaxSize] characters. It neither keeps nor modifies the
// document. It returns an [*Error].
func Parse(document []byte) (*Policy, error) { return parsePolicy(document, MaxSize) }

// ParseSession compiles a session policy: the same language in at most [MaxSessionSize] characters.
func ParseSession(document []byte) (*Policy, error) { return parsePolicy(document, MaxSessionSize) }

func parsePolicy(document []byte, limit int) (*Policy, error) {
	statements, err := parse(document, limit, false)
	if err != nil {
		return nil, err
	}
	return &Policy{statements}, nil
}

// ParseTrust compiles the trust policy of a role, of at most [MaxSize] characters: each statement has a Principal and no
// Resource, which is the role itself. It neither keeps nor modifies the document. It returns an [*Error].
func ParseTrust(document []byte) (*Trust, error) {
	statements, err := parse(document, MaxSize, true)
	if err != nil {
		return nil, err
	}
	return &Trust{statements}, nil
}

func parse(document []byte, limit int, trust bool) ([]statement, error) {
	p := &parser{trust: trust}
	// Before the characters are counted: no character has more than four bytes.
	if len(document) > utf8.UTFMax*limit || utf8.RuneCount(document) > limit {
		return nil, p.fail(fmt.Errorf("%w, limit %d characters", ErrSize, limit), "")
	}
	if !utf8.Valid(document) {
		return nil, p.fail(ErrSyntax, "")
	}
	// The whole text first, so that from here on only its meaning is in question.
	if err := json.Unmarshal(document, new(json.RawMessage)); err != nil {
		if syntax, ok := err.(*json.SyntaxError); ok {
			p.offset = syntax.Offset
		}
		return nil, p.fail(ErrSyntax, "")
	}
	p.tokens = json.NewDecoder(bytes.NewReader(document))
	p.tokens.UseNumber()
	return p.policy()
}

// A parser reads the tokens of a valid JSON text. Every method reads one value or fails.
type parser struct {
	trust  bool
	tokens *json.Decoder
	offset int64 // of the end of the last token
	path   []string
}

func (p *parser) fail(cause error, value string) *Error {
	return &Error{Path: strings.TrimPrefix(strings.Join(p.path, ""), "."), Offset: p.offset, Value: cut(value), Err: cause}
}

// failAt fails for an element below the current one.
func (p *parser) failAt(name string, cause error, value string) *Error {
	p.path = append(p.path, "."+name)
	return p.fail(cause, value)
}

func (p *parser) policy() ([]statement, error) {
	var statements []statement
	version := ""
	seen, err := p.object(func(name string) (err error) {
		switch name {
		case "Version":
			if version, err = p.text(); err == nil && version != "1" {
				err = p.fail(ErrValue, version)
			}
			return err
		case "Statement":
			return p.list(func() error {
				s, err := p.statement()
				statements = append(statements, s)
				return err
			})
		}
		return p.fail(ErrElement, "")
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"Version", "Statement"} {
		if !slices.Contains(seen, name) {
			return nil, p.failAt(name, ErrMissing, "")
		}
	}
	return statements, nil
}

func (p *parser) statement() (s statement, err error) {
	seen, err := p.object(func(name string) (err error) {
		switch {
		case name == "Effect":
			return p.effect(&s)
		case name == "Action" || name == "NotAction":
			if s.actions != nil {
				return p.fail(ErrDuplicate, "")
			}
			s.notAction = name == "NotAction"
			s.actions, err = p.globs(actionPattern)
			return err
		case name == "Resource" && !p.trust:
			s.resources, err = p.globs(resourcePattern)
			return err
		case name == "Principal" && p.trust:
			s.principals, err = p.principals()
			return err
		case name == "Condition":
			s.conditions, err = p.conditions()
			return err
		case name == "Sid":
			_, err = p.text()
			return err
		}
		return p.fail(ErrElement, "")
	})
	if err != nil {
		return s, err
	}
	if s.actions == nil {
		return s, p.failAt("Action", ErrMissing, "")
	}
	required := []string{"Effect", "Resource"}
	if p.trust {
		required = []string{"Effect", "Principal"}
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			return s, p.failAt(name, ErrMissing, "")
		}
	}
	return s, nil
}

func (p *parser) effect(s *statement) error {
	effect, err := p.text()
	if err != nil {
		return err
	}
	if effect != "Allow" && effect != "Deny" {
		return p.fail(ErrValue, effect)
	}
	s.deny = effect == "Deny"
	return nil
}

// globs reads patterns, each as compile makes it.
func (p *parser) globs(compile func(pattern string) (glob, bool)) ([]glob, error) {
	texts, err := p.texts()
	if err != nil {
		return nil, err
	}
	globs := make([]glob, len(texts))
	for i, text := range texts {
		g, ok := compile(text)
		if !ok {
			return nil, p.fail(ErrValue, text)
		}
		globs[i] = g
	}
	return globs, nil
}

func (p *parser) conditions() ([]condition, error) {
	var conditions []condition
	err := p.block(func(name string) error {
		operator, ok := operators[name]
		if !ok {
			return p.fail(ErrOperator, name)
		}
		return p.block(func(key string) error {
			if service, rest, ok := strings.Cut(key, ":"); !ok || service == "" || rest == "" {
				return p.fail(ErrValue, key)
			}
			values, err := p.texts()
			if err != nil {
				return err
			}
			conditions = append(conditions, condition{conditionKey(key), operator.not, operator.compile(values)})
			return nil
		})
	})
	return conditions, err
}

// object reads an object, handing each name to member, which reads the value. It returns the names.
func (p *parser) object(member func(name string) error) (names []string, err error) {
	if err := p.open('{'); err != nil {
		return nil, err
	}
	depth := len(p.path)
	for p.tokens.More() {
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		p.path = append(p.path, element(name))
		if slices.Contains(names, name) {
			return nil, p.fail(ErrDuplicate, "")
		}
		names = append(names, name)
		if err := member(name); err != nil {
			return nil, err
		}
		p.path = p.path[:depth]
	}
	p.token()
	return names, nil
}

// element returns the part of a path that is a name, quoted unless it is made of what names are made of.
func element(name string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(":/-_", r)
	}
	if name == "" || len(name) > maxQuoted || strings.TrimFunc(name, plain) != "" {
		return fmt.Sprintf("[%q]", cut(name))
	}
	return "." + name
}

// block reads an object that has something in it.
func (p *parser) block(member func(name string) error) error {
	names, err := p.object(member)
	if err == nil && len(names) == 0 {
		err = p.fail(ErrEmpty, "")
	}
	return err
}

// list reads an array that has something in it; item reads a value of it.
func (p *parser) list(item func() error) error {
	if err := p.open('['); err != nil {
		return err
	}
	return p.items(item)
}

// items reads what is left of an array that has been opened.
func (p *parser) items(item func() error) error {
	depth, n := len(p.path), 0
	for ; p.tokens.More(); n++ {
		p.path = append(p.path, fmt.Sprintf("[%d]", n))
		if err := item(); err != nil {
			return err
		}
		p.path = p.path[:depth]
	}
	p.token()
	if n == 0 {
		return p.fail(ErrEmpty, "")
	}
	return nil
}

// texts reads a string, or an array of strings that has something in it.
func (p *parser) texts() ([]string, error) {
	t := p.token()
	if t != json.Delim('[') {
		text, err := p.textOf(t)
		return []string{text}, err
	}
	var texts []string
	err := p.items(func() error {
		text, err := p.text()
		texts = append(texts, text)
		return err
	})
	return texts, err
}

// text reads a string.
func (p *parser) text() (string, error) { return p.textOf(p.token()) }

// textOf returns the string that a token is. U+FFFD is refused: encoding/json puts it in the place of half a surrogate, and
// a pattern with it would match nothing that there is.
func (p *parser) textOf(t json.Token) (string, error) {
	text, ok := t.(string)
	if !ok {
		return "", p.wrongType(t)
	}
	if strings.ContainsRune(text, utf8.RuneError) {
		return "", p.fail(ErrValue, "")
	}
	return text, nil
}

// open reads the delimiter that opens an object or an array.
func (p *parser) open(delimiter json.Delim) error {
	if t := p.token(); t != delimiter {
		return p.wrongType(t)
	}
	return nil
}

func (p *parser) wrongType(t json.Token) error {
	if t == nil {
		return p.fail(ErrType, "null")
	}
	return p.fail(ErrType, fmt.Sprint(t))
}

func (p *parser) token() json.Token {
	t, err := p.tokens.Token()
	if err != nil {
		return nil // unreachable: the text is valid JSON, and nothing is read beyond its end
	}
	p.offset = p.tokens.InputOffset()
	return t
}
