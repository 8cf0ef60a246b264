package main

import (
	"encoding/binary"
	"maps"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// detachedMessage makes a scenario of a message whose wrapped keys lie in a key file, as edit leaves it in the store.
func detachedMessage(name, comment string, build func(s *scene, file []byte)) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		reference := random("reference of "+s.v.Name, 16)
		s.m.keys = detached(reference)
		build(s, keyFile(s.m.suite, s.m.dataKey, reference, s.m.stored, s.own()))
	}}
}

// stored has the scene's store hold these key files.
func (s *scene) stored(files ...[]byte) { s.v.KeyFiles = files }

// badFile makes a scenario of a key file alone that a parser must refuse.
func badFile(name, comment string, expect vectors.Outcome, edit func(file []byte) []byte) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.v.Structure = vectors.KeyFile
		s.v.Given = maps.Clone(s.v.Given)
		delete(s.v.Given, "row")
		s.malformed(expect, edit(keyFile(s.m.suite, s.m.dataKey, random("reference", 16), s.m.stored, s.own())))
	}}
}

// A cellar is a scene of a cell: its key file, which the store has, and its parts.
type cellar struct {
	*scene
	file, reference, salt []byte
}

func (c *cellar) cell(withheld, value []byte) []byte {
	return cell(c.m.suite, c.m.dataKey, c.commitOf(c.file), c.reference, c.salt, withheld, value)
}

// aCell makes a scenario of a cell in the row that the context says.
func aCell(name, comment string, build func(c *cellar)) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		c := &cellar{scene: s, reference: random("reference of "+s.v.Name, 16), salt: random("cell salt of "+s.v.Name, 16)}
		c.file = keyFile(s.m.suite, s.m.dataKey, c.reference, s.m.stored, s.own())
		s.v.Structure = vectors.Cell
		s.stored(c.file)
		build(c)
	}}
}

// badCell makes a scenario of a cell that a parser must refuse.
func badCell(name, comment string, expect vectors.Outcome, edit func(cell []byte) []byte) scenario {
	return aCell(name, comment, func(c *cellar) { c.malformed(expect, edit(c.cell(c.m.withheld, c.m.plaintext))) })
}

var keyFileScenarios = []scenario{
	detachedMessage("commit-flipped", "one bit of the commit of the key file; the tag of the message is right", func(s *scene, file []byte) {
		s.stored(edited(file, 28+len(s.m.stored), 1))
		s.fails(vectors.Authentication, s.m.bytes(), nil)
	}),
	detachedMessage("reference-exchanged", "the references of two key files were exchanged; suite and context are equal", func(s *scene, file []byte) {
		other := random("other data key", 32)
		reference := random("other reference", 16)
		b := keyFile(s.m.suite, other, reference, s.m.stored, entry{"kms", arn, random("other blob", 108)})
		s.answer(entry{"kms", arn, random("other blob", 108)}, other, map[string]string{"tenant": "42"})
		copy(b[12:], file[12:28])
		copy(file[12:], reference)
		s.stored(file, b)
		s.v.DataKey = other
		s.fails(vectors.Authentication, s.m.bytes(), nil)
	}),
	detachedMessage("context-differs-from-head", "key file and head have other contexts, each sound; nobody is asked", func(s *scene, file []byte) {
		s.stored(keyFile(s.m.suite, s.m.dataKey, file[12:28], pairs("tenant", "43"), s.own()))
		s.unasked(vectors.Authentication, s.m.bytes())
	}),
	detachedMessage("suite-differs-from-head", "key file and head have other suites, each sound; nobody is asked", func(s *scene, file []byte) {
		s.stored(keyFile(suite.AES256GCM+suite.SM4GCM-s.m.suite, s.m.dataKey, file[12:28], s.m.stored, s.own()))
		s.unasked(vectors.Authentication, s.m.bytes())
	}),
	detachedMessage("record-of-other-key", "the record of the key file is of another data key", func(s *scene, file []byte) {
		e := entry{"kms", arn, random("other blob", 108)}
		s.v.DataKey = random("other data key", 32)
		s.answer(e, s.v.DataKey, map[string]string{"tenant": "42"})
		r := record(e)
		file = append(binary.BigEndian.AppendUint16(file[:60+len(s.m.stored)], uint16(len(r))), r...)
		s.stored(file)
		s.fails(vectors.Authentication, s.m.bytes(), nil)
	}),
	detachedMessage("reference-unknown", "the store has no key file of the reference", func(s *scene, _ []byte) {
		s.unasked(vectors.NoKeyFile, s.m.bytes())
	}),
	{name: "reference-short", comment: "the input ends within the reference", build: func(s *scene) {
		s.m.keys = detached(random("reference", 16))
		s.malformed(vectors.Truncated, s.m.header()[:len(s.m.header())-1])
	}},

	badFile("file-magic", "the last byte of the magic is that of a message", vectors.NotMessage, func(f []byte) []byte { f[3] = 0x45; return f }),
	badFile("file-version-2", "version 2", vectors.UnsupportedVersion, func(f []byte) []byte { f[4] = 2; return f }),
	badFile("file-reserved-5", "the first reserved byte is 01", vectors.ParseFault, func(f []byte) []byte { f[5] = 1; return f }),
	badFile("file-suite-3", "suite 0003 is not known", vectors.UnsupportedSuite, func(f []byte) []byte { f[7] = 3; return f }),
	badFile("file-reserved-9", "the last reserved byte is 01", vectors.ParseFault, func(f []byte) []byte { f[9] = 1; return f }),
	badFile("file-n-8193", "a context of 8193 bytes is announced", vectors.ParseFault, func(f []byte) []byte {
		binary.BigEndian.PutUint16(f[10:], 8193)
		return f
	}),
	badFile("file-trailing", "a byte behind the record", vectors.ParseFault, func(f []byte) []byte { return append(f, 0) }),
	badFile("file-short", "the last byte is missing", vectors.Truncated, func(f []byte) []byte { return f[:len(f)-1] }),
	{name: "file-commit-flipped", comment: "one bit of the commit", build: func(s *scene) {
		s.v.Structure = vectors.KeyFile
		s.v.Given = map[string]string{"tenant": "42"}
		s.fails(vectors.Authentication, edited(keyFile(s.m.suite, s.m.dataKey, random("reference", 16), s.m.stored, s.own()), 28+len(s.m.stored)+31, 1), nil)
	}},
	{name: "context-edited", comment: "the stored pairs of the key file were edited to what the reader gives, and KMS does not tell them apart", build: func(s *scene) {
		s.v.Structure = vectors.KeyFile
		s.v.Given = map[string]string{"tenant": "43"}
		s.v.KMSDecrypt = nil
		s.answer(s.own(), s.m.dataKey, s.v.Given)
		file := keyFile(s.m.suite, s.m.dataKey, random("reference", 16), s.m.stored, s.own())
		copy(file[28:], pairs("tenant", "43"))
		s.fails(vectors.Authentication, file, nil)
	}},

	aCell("cell-empty", "a value of no bytes", func(c *cellar) { c.fails(vectors.Success, c.cell(c.m.withheld, nil), nil) }),
	aCell("cell-no-row", "no pairs are withheld", func(c *cellar) {
		c.v.Given = map[string]string{"tenant": "42"}
		c.fails(vectors.Success, c.cell(nil, c.m.plaintext), c.m.plaintext)
	}),
	aCell("cell-of-other-row", "a cell of row 10, read for row 9", func(c *cellar) {
		c.fails(vectors.Authentication, c.cell(pairs("row", "10"), c.m.plaintext), nil)
	}),
	aCell("cell-of-other-column", "a cell of another column, whose key file has another commit; the references are exchanged", func(c *cellar) {
		file := keyFile(c.m.suite, c.m.dataKey, random("other reference", 16), c.m.stored, c.own())
		b := cell(c.m.suite, c.m.dataKey, c.commitOf(file), c.reference, c.salt, c.m.withheld, c.m.plaintext)
		c.fails(vectors.Authentication, b, nil)
	}),
	aCell("cell-context-differs", "the key file is of another tenant; nobody is asked", func(c *cellar) {
		c.stored(keyFile(c.m.suite, c.m.dataKey, c.reference, pairs("tenant", "43"), c.own()))
		c.unasked(vectors.Authentication, c.cell(c.m.withheld, c.m.plaintext))
	}),
	aCell("cell-commit-flipped", "one bit of the commit of the key file", func(c *cellar) {
		b := c.cell(c.m.withheld, c.m.plaintext)
		c.stored(edited(c.file, 28+len(c.m.stored), 1))
		c.fails(vectors.Authentication, b, nil)
	}),
	aCell("suite-differs-from-cell", "the key file is of the other suite; nobody is asked", func(c *cellar) {
		b := c.cell(c.m.withheld, c.m.plaintext)
		c.stored(keyFile(suite.AES256GCM+suite.SM4GCM-c.m.suite, c.m.dataKey, c.reference, c.m.stored, c.own()))
		c.unasked(vectors.Authentication, b)
	}),
	aCell("cell-reference-unknown", "the store has no key file of the reference", func(c *cellar) {
		b := c.cell(c.m.withheld, c.m.plaintext)
		c.stored()
		c.unasked(vectors.NoKeyFile, b)
	}),
	aCell("cell-salt-flipped", "one bit of the salt", func(c *cellar) {
		c.fails(vectors.Authentication, edited(c.cell(c.m.withheld, c.m.plaintext), 17, 1), nil)
	}),
	aCell("cell-value-flipped", "one bit of the value", func(c *cellar) {
		c.fails(vectors.Authentication, edited(c.cell(c.m.withheld, c.m.plaintext), 33, 1), nil)
	}),
	badCell("form-F8", "form F8", vectors.NotMessage, func(b []byte) []byte { b[0] = 0xf8; return b }),
	badCell("form-FB", "form FB", vectors.NotMessage, func(b []byte) []byte { b[0] = 0xfb; return b }),
	badCell("cell-32-bytes", "the input ends within the salt", vectors.Truncated, func(b []byte) []byte { return b[:32] }),
	badCell("cell-48-bytes", "the input ends within the GCM tag", vectors.Truncated, func(b []byte) []byte { return b[:48] }),
	badCell("cell-over-limit", "a value of 2^20 + 1 bytes", vectors.ParseFault, func(b []byte) []byte { return append(b[:33], make([]byte, 1<<20+1+16)...) }),
}
