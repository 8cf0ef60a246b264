package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the width of help texts in characters.
const helpWidth = 80

// A flagGroup is flags that belong together, under a title in the help text.
type flagGroup struct {
	title string
	set   *pflag.FlagSet
}

// flags adds a group of flags to a command, in the order in which register adds them.
func (t *tool) flags(cmd *cobra.Command, title string, register ...func(*pflag.FlagSet)) {
	set := pflag.NewFlagSet(title, pflag.ContinueOnError)
	set.SortFlags = false
	for _, r := range register {
		r(set)
	}
	cmd.Flags().AddFlagSet(set)
	t.groups[cmd] = append(t.groups[cmd], flagGroup{title, set})
}

// values are what flags can have, by the names of the flags; shells complete them.
var values = map[string][]string{
	"kms": {"local", "cloud"}, "from-kms": {"local", "cloud"}, "suite": {"AES256GCM", "SM4GCM"},
	"wrapped-keys": {"attached", "slots", "detached"}, "from": {"fourline", "aliyunesdk", "osscse"},
}

// complete has shells complete the values of the flags of a command and all below it.
func complete(cmd *cobra.Command) {
	add := func(f *pflag.Flag) {
		if v, ok := values[f.Name]; ok {
			// It fails for a flag that has one already, as a flag of a command above does.
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(v, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	cmd.LocalFlags().VisitAll(add)
	for _, sub := range cmd.Commands() {
		complete(sub)
	}
}

// strict has commands with others below them refuse a name that is none of those. The library shows their help text then,
// as if that had been asked for.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch {
		case cmd.Name() == "help":
			cmd.Run, cmd.RunE = nil, help
		case cmd.HasSubCommands():
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// help shows the help text of the command that args name, instead of the library's own, to which it is no error if there is
// none.
func help(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = usagef("unknown command %q for %q", rest[0], about.CommandPath())
	}
	if err != nil {
		return err
	}
	about.InitDefaultHelpFlag()
	return about.Help()
}

// usage prints how a command is called: what comes after its description in the help text.
func (t *tool) usage(cmd *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if cmd.Runnable() && !cmd.HasSubCommands() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n\nCommands:\n", cmd.CommandPath())
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	grouped := map[string]bool{"help": true}
	for _, g := range t.groups[cmd] {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.set.FlagUsagesWrapped(helpWidth))
		g.set.VisitAll(func(f *pflag.Flag) { grouped[f.Name] = true })
	}
	// The rest are those that the library has, and those of commands above.
	rest := pflag.NewFlagSet("", pflag.ContinueOnError)
	add := func(f *pflag.Flag) {
		if !grouped[f.Name] {
			rest.AddFlag(f)
		}
	}
	cmd.LocalNonPersistentFlags().VisitAll(add)
	if rest.HasAvailableFlags() {
		fmt.Fprintf(&b, "\nFlags:\n%s", rest.FlagUsagesWrapped(helpWidth))
	}
	above := pflag.NewFlagSet("", pflag.ContinueOnError)
	above.SortFlags = false
	cmd.PersistentFlags().VisitAll(above.AddFlag)
	for p := cmd.Parent(); p != nil; p = p.Parent() {
		p.PersistentFlags().VisitAll(above.AddFlag)
	}
	fmt.Fprintf(&b, "\nFlags of all commands:\n%s", above.FlagUsagesWrapped(helpWidth))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n'%s COMMAND --help' says more of each.\n", cmd.CommandPath())
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), b.String())
	return err
}
