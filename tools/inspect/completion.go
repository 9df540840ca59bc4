package inspect

import "github.com/spf13/cobra"

// backupSuffix ends the names of backup files, as the help of `gamekeeper backup` has them.
const backupSuffix = "gkb"

// completeLog has shells complete the directory of a log.
func completeLog(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeSnapshots has shells complete the first n arguments as directories or backup files. The other ones are paths
// of znodes, of which nothing is known.
func completeSnapshots(n int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= n {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return []string{backupSuffix}, cobra.ShellCompDirectiveFilterFileExt
	}
}
