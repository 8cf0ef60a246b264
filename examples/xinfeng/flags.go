package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A onceValue is the value of a flag that is no list. The library lets the last of several values count, without a word.
type onceValue struct {
	pflag.Value
	given []string // the first, once there is one
}

// Set sets the value. A second one that is another is an error.
func (o *onceValue) Set(text string) error {
	if len(o.given) > 0 && o.given[0] != text {
		return fmt.Errorf("it is given twice, first as %q", o.given[0])
	}
	if err := o.Value.Set(text); err != nil {
		return err
	}
	o.given = []string{text}
	return nil
}

// once has the flags of a command, and of all below it, take no two values unless they are lists.
func once(cmd *cobra.Command) {
	wrap := func(f *pflag.Flag) {
		_, list := f.Value.(pflag.SliceValue)
		if _, done := f.Value.(*onceValue); !list && !done {
			f.Value = &onceValue{Value: f.Value}
		}
	}
	cmd.Flags().VisitAll(wrap)
	cmd.PersistentFlags().VisitAll(wrap)
	for _, sub := range cmd.Commands() {
		once(sub)
	}
}

// checkEmpty refuses flags that were given and are empty, as "$VARIABLE" is if it is not set: without its value a flag would
// be as if it were not there, and --passphrase-file "" encrypt under the key of the service.
func checkEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		texts := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			texts = list.GetSlice()
		}
		if slices.Contains(texts, "") && err == nil {
			err = usagef("--%s: its value is empty", f.Name)
		}
	})
	return err
}
