package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/xinfeng-kms/xinfeng/format"
)

// A release is what 'version' says.
type release struct {
	Version  string   `json:"version"`
	Revision string   `json:"revision,omitempty"`
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	Message  int      `json:"message_version"`
	Suites   []string `json:"suites"`
}

func (t *tool) versionCommand() *cobra.Command {
	return t.command(&cobra.Command{
		Use:     "version",
		Short:   "Say which version this is, and what it reads and writes",
		Example: "  xinfeng version --json",
		Args:    cobra.NoArgs,
	}, func(context.Context, []string) error {
		r := release{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Message: 1,
			Suites: []string{format.AES256GCM.String(), format.SM4GCM.String()}}
		if info, ok := debug.ReadBuildInfo(); ok {
			if v := info.Main.Version; v != "" && v != "(devel)" {
				r.Version = v
			}
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					r.Revision = s.Value
				}
			}
		}
		if t.json {
			return t.encode(t.out, r)
		}
		t.printf("xinfeng %s (%s, %s)\nmessages of version %d, suites %s and %s", r.Version, r.Go, r.Platform, r.Message, r.Suites[0], r.Suites[1])
		return nil
	})
}
