package main

import (
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// badPairs makes a scenario of stored pairs that no reader may accept, in a message that is sound otherwise.
func badPairs(name, comment string, stored []byte) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.m.stored = stored
		s.malformed(vectors.ParseFault, s.m.bytes())
	}}
}

// badGiven makes a scenario of a sound message whose reader is given another context, and asks nobody.
func badGiven(name, comment string, given map[string]string) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.v.Given = given
		s.unasked(vectors.Authentication, s.m.bytes())
	}}
}

// movedPairs makes a scenario of a head in which somebody moved pairs between stored and withheld, after the tag was
// made. KMS answers for the context as it is now, so that nothing but the tag stands in the way.
func movedPairs(name, comment string, stored []byte, count byte, context map[string]string) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		tag, chunks := s.m.tag(), s.m.chunks()
		answer := s.v.KMSDecrypt[0]
		answer.Context = context
		s.v.KMSDecrypt = append(s.v.KMSDecrypt, answer)
		s.m.stored, s.m.withheldCount = stored, count
		s.fails(vectors.Authentication, join(s.m.head(), tag, s.m.keys, join(chunks...)), nil)
	}}
}

var contextScenarios = []scenario{
	badPairs("pair-truncated", "the value's length runs past the end of the context", pairs("tenant", "42")[:11]),
	badPairs("pair-trailing-byte", "a byte after the last pair", append(pairs("tenant", "42"), 0)),
	badPairs("key-empty", "an empty key", pairs("", "42")),
	badPairs("keys-descending", "keys in descending order", pairs("tenant", "42", "region", "7")),
	badPairs("key-duplicate", "the same key twice", pairs("tenant", "42", "tenant", "43")),
	badPairs("key-not-utf8", "a key that is not UTF-8", pairs("tenant\xff", "42")),
	badPairs("value-not-utf8", "a value that is not UTF-8", pairs("tenant", "\xc3")),
	badPairs("key-reserved-prefix", "a key that begins with xinfeng:", pairs("xinfeng:signer", "42")),
	{name: "nfc-for-nfd", comment: "stored composed, given decomposed: values are bytes and are not normalised", build: func(s *scene) {
		s.m.stored = pairs("tenant", "caf\u00e9")
		s.v.KMSDecrypt[0].Context = map[string]string{"tenant": "caf\u00e9"}
		s.v.Given = map[string]string{"tenant": "cafe\u0301", "row": "9"}
		s.unasked(vectors.Authentication, s.m.bytes())
	}},
	movedPairs("stored-moved-to-withheld", "the stored pair was cut out and w raised; given both, KMS opens, the tag must not",
		nil, 2, nil),
	movedPairs("withheld-moved-to-stored", "the withheld pair was written into the head and w lowered; KMS opens, the tag must not",
		pairs("row", "9", "tenant", "42"), 0, map[string]string{"row": "9", "tenant": "42"}),
	{name: "w-plus-1", comment: "w is one more than the pairs withheld", build: func(s *scene) {
		s.unasked(vectors.Authentication, edited(s.m.bytes(), 5, 0x03))
	}},
	{name: "w-minus-1", comment: "w is one less than the pairs withheld", build: func(s *scene) {
		s.unasked(vectors.Authentication, edited(s.m.bytes(), 5, 0x01))
	}},
	{name: "withheld-wrong-value", comment: "the withheld pair is given with another value; only the tag can tell", build: func(s *scene) {
		s.v.Given = map[string]string{"tenant": "42", "row": "8"}
		s.fails(vectors.Authentication, s.m.bytes(), nil)
	}},
	badGiven("withheld-missing", "the withheld pair is not given", map[string]string{"tenant": "42"}),
	badGiven("given-extra", "a pair is given that the message does not have", map[string]string{"tenant": "42", "row": "9", "x": ""}),
	badGiven("given-missing-stored", "the stored pair is not given", map[string]string{"row": "9"}),
	badGiven("given-other-value", "the stored pair is given with another value", map[string]string{"tenant": "43", "row": "9"}),
	{name: "given-nil-for-stored", comment: "no context is given; that is not: any context", build: func(s *scene) {
		s.m.withheld, s.m.withheldCount = nil, 0
		s.v.Given = nil
		s.unasked(vectors.Authentication, s.m.bytes())
	}},
	{name: "unseen-accepted", comment: "the stored pair is not given, and accepted unseen by name", build: func(s *scene) {
		s.v.Given, s.v.AcceptUnseen = map[string]string{"row": "9"}, []string{"tenant"}
		s.opens()
	}},
	{name: "unseen-all-accepted", comment: "no stored pair is given, and all are accepted unseen", build: func(s *scene) {
		s.v.Given, s.v.AcceptUnseen = map[string]string{"row": "9"}, []string{"*"}
		s.opens()
	}},
	{name: "unseen-wrong-value", comment: "a pair that would be accepted unseen is given, with another value", build: func(s *scene) {
		s.v.Given, s.v.AcceptUnseen = map[string]string{"row": "9", "tenant": "43"}, []string{"tenant"}
		s.unasked(vectors.Authentication, s.m.bytes())
	}},
	{name: "no-context", comment: "no pair at all, on either side", build: func(s *scene) {
		s.m.stored, s.m.withheld, s.m.withheldCount = nil, nil, 0
		s.v.KMSDecrypt[0].Context, s.v.Given = nil, nil
		s.opens()
	}},
	{name: "kms-collision", comment: "stored {a: 1, b: 2} was edited to {a: \"1&b=2\"}; a KMS that joins pairs with & and = opens both, the tag must not", build: func(s *scene) {
		was, is := map[string]string{"a": "1", "b": "2"}, map[string]string{"a": "1&b=2"}
		s.m.stored = pairs("a", "1", "b", "2")
		tag, chunks := s.m.tag(), s.m.chunks()
		answer := s.v.KMSDecrypt[0]
		s.v.KMSDecrypt[0].Context, answer.Context = was, is
		s.v.KMSDecrypt = append(s.v.KMSDecrypt, answer)
		s.v.Given = map[string]string{"a": "1&b=2", "row": "9"}
		s.m.stored = pairs("a", "1&b=2")
		s.fails(vectors.Authentication, join(s.m.head(), tag, s.m.keys, join(chunks...)), nil)
	}},
}
