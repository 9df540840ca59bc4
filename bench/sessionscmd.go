package bench

import (
	"errors"

	"github.com/spf13/cobra"
)

func sessionsCommand(version string) *cobra.Command {
	o := DefaultSessionOptions()
	o.Version = version
	var out output
	var where targetFlags
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "Hold many idle sessions, and see how another client is served meanwhile",
		Long: `Hold many idle sessions, each with its heartbeats, and see how another client is served
meanwhile: it sets a znode every --probe, and a stall counts for all the sets that it held up. In the end
the sessions are closed, or with --drop their sockets alone, so that all expire at once.

The process needs an open file for each session, and so does the server; a server also limits connections
from one address (maxClientCnxns). To a server on 127.0.0.1 connections come from several addresses.
Where open files are too few, --sockets bounds the sessions that stay connected. The others are left alone
once open, and live for their timeout: ask for a long --timeout, and let the server grant it
(maxSessionTimeout).`,
		Example: `  gamekeeper bench sessions --target gamekeeper --count 5000 --hold 30s --drop --ephemerals
  gamekeeper bench sessions --target zk1:2181,zk2:2181,zk3:2181 --html sessions.html`,
		Args: noArguments,
		RunE: coded(func(cmd *cobra.Command, _ []string) (err error) {
			if o.Target, err = where.spec(cmd.Flags().Changed); err != nil {
				return err
			}
			if err := out.check(); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			live := out.live(cmd.ErrOrStderr())
			r, err := RunSessions(ctx, o, live.progress())
			live.done()
			if r != nil {
				err = errors.Join(err, out.write(cmd.OutOrStdout(), r))
			}
			if err != nil {
				return err
			}
			return lostSessions(r)
		}),
	}
	quietly(cmd)
	f := cmd.Flags()
	where.flags(f)
	f.IntVar(&o.Count, "count", o.Count, "sessions to open")
	f.IntVar(&o.Sockets, "sockets", o.Sockets, "sessions that stay connected; 0 is all")
	f.DurationVar(&o.Hold, "hold", o.Hold, "time to hold them all")
	f.DurationVar(&o.Timeout, "timeout", o.Timeout, "session timeout to ask for")
	f.BoolVar(&o.Drop, "drop", o.Drop, "in the end let the sessions expire at once")
	f.BoolVar(&o.Ephemerals, "ephemerals", o.Ephemerals, "let each session create an ephemeral znode")
	f.IntVar(&o.AtOnce, "at-once", o.AtOnce, "sessions being opened at a time")
	f.DurationVar(&o.Probe, "probe", o.Probe, "time between two sets of the other client")
	f.StringVar(&o.Path, "path", o.Path, "znode to work under")
	f.DurationVar(&o.Patience, "patience", o.Patience, "time without a reply until the run fails")
	o.Start.Flags(f)
	out.flags(f)
	return cmd
}
