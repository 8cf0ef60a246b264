// Package strictjson reads JSON that people and programs of theirs write, and refuses what encoding/json would pass over:
// a name that there is not, a name that is there twice, something behind the document.
//
// # Compatibility
//
// Internal.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

const (
	// MaxDepth is how deep a document may be nested: three times what a policy in a configuration needs.
	MaxDepth = 32
	// maxShown is the longest text of a document's author that an error shows, in bytes.
	maxShown = 256
)

// Unmarshal stores a document, one JSON value, in what v points to, as encoding/json does; after an error v holds nothing
// of use. Letter case of names means nothing, so two that differ in it alone are one that is there twice; below the names
// in exact, which hold documents of a language of their own, it means something. Errors begin with the place, show no
// value but a number that fits no integer, and match [io.ErrUnexpectedEOF] if the document ends too early. The document
// is neither kept nor modified.
func Unmarshal(document []byte, v any, exact ...string) error {
	c := checker{json.NewDecoder(bytes.NewReader(document)), exact}
	c.UseNumber() // whether a number fits is for what it is stored in
	if err := c.document(); err != nil {
		return fmt.Errorf("at byte %d: %w", c.InputOffset(), err)
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("at byte %d: %s", d.InputOffset(), cut(err.Error())) // it shows unknown names whole
	}
	return nil
}

// A checker reads a document once before it is decoded.
type checker struct {
	*json.Decoder
	exact []string
}

func (c *checker) document() error {
	if err := c.value(0, true); err != nil {
		return err
	}
	if _, err := c.Token(); err != io.EOF {
		return errors.New("something follows the document")
	}
	return nil
}

// value reads one value. With fold, names that differ in their case are the same.
func (c *checker) value(depth int, fold bool) error {
	open, err := c.Token()
	if err != nil {
		return noEOF(err)
	}
	if open != json.Delim('{') && open != json.Delim('[') {
		return nil
	}
	if depth == MaxDepth {
		return fmt.Errorf("nested more than %d deep", MaxDepth)
	}
	seen := map[string]bool{}
	for c.More() {
		fold := fold
		if open == json.Delim('{') {
			t, err := c.Token()
			if err != nil {
				return noEOF(err)
			}
			name := t.(string) // a name is a string in every JSON that Token takes
			key := name
			if fold {
				key = strings.Map(foldRune, name)
			}
			if seen[key] {
				return fmt.Errorf("%q is there twice", cut(name))
			}
			seen[key] = true
			fold = fold && !slices.ContainsFunc(c.exact, func(e string) bool { return strings.EqualFold(e, name) })
		}
		if err := c.value(depth+1, fold); err != nil {
			return err
		}
	}
	_, err = c.Token()
	return noEOF(err)
}

// foldRune returns the first of the runes that encoding/json takes for one letter with r.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

// noEOF is err, but for a document that ends too early.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}
