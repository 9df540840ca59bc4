package inspect

import (
	"fmt"

	"github.com/spf13/cobra"

	"gamekeeper/proto"
	"gamekeeper/wal"
)

func dumpCommand() *cobra.Command {
	var f filterFlags
	var data bool
	cmd := command(&cobra.Command{
		Use:   "dump DIR",
		Short: "Print transactions, one a line",
		Long: `Print the transactions of a log, one a line, oldest first. What is damaged is named on the error output
and passed over.`,
		Example: `  gamekeeper log dump /var/lib/zookeeper --from 0x100000000 --type create,setData --path /services
  gamekeeper log dump /var/lib/zookeeper --session 0x1000000a3bd0001 --data --json`,
		ValidArgsFunction: completeLog,
	}, 1, 1, func(_ *cobra.Command, out *output, args []string) error {
		filter, err := f.parse()
		if err != nil {
			return err
		}
		return dump(out, args[0], filter, data)
	})
	f.add(cmd)
	cmd.Flags().BoolVar(&data, "data", false, "show values: text as such, other bytes in base64")
	jsonFlag(cmd)
	return cmd
}

func dump(out *output, dir string, filter filter, data bool) error {
	in, err := openLog(dir)
	if err != nil {
		return err
	}
	damages := 0
	scan := logScan{in: in, out: out, after: filter.after(), to: filter.to}
	var line []byte
	scan.txn = func(t *proto.Txn, r *wal.InspectedRecord) error {
		if !filter.wants(t) {
			return nil
		}
		if out.json {
			return out.object(newJSONTxn(t, r, data))
		}
		line = append(line[:0], t.String()...)
		if data {
			line = appendValues(line, &t.Body)
		}
		_, err := out.Write(append(line, '\n'))
		return err
	}
	complain := func(d *wal.Damage) error {
		damages++
		return out.complain("damaged: %s", damageText(d))
	}
	scan.undecodable = func(r *wal.InspectedRecord, err error) error {
		d := recordDamage(r, err)
		return complain(&d)
	}
	scan.segment = func(s *wal.InspectedSegment) error {
		for i := range s.Damage {
			if err := complain(&s.Damage[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := scan.run(); err != nil {
		return err
	}
	if base := in.Base(); filter.from > 0 && filter.from <= base {
		if err := out.complain("the log begins after zxid %v: what was before it is purged", base); err != nil {
			return err
		}
	}
	if damages > 0 {
		return fmt.Errorf("the log is damaged at %d %s: see `gamekeeper log verify`", damages, plural(damages, "place"))
	}
	return nil
}
