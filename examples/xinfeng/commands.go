package main

import "github.com/spf13/cobra"

// commands returns all commands but help and completion, which the library has.
func (t *tool) commands() []*cobra.Command {
	return []*cobra.Command{t.encryptCommand(), t.decryptCommand(), t.verifyCommand(), t.inspectCommand(), t.convertCommand(), t.rewrapCommand(), t.identityCommand(), t.keysCommand(), t.versionCommand()}
}
