package netpoll

// Tally sums up replies in a connection's output, for whoever measures how long they take. Times are the caller's.
type Tally struct {
	Count int64
	Read  int64 // sum of the times at which the requests were read
	Ready int64 // sum of the times from which on the replies were ready
}

// Classes is how many kinds of replies are told apart.
const Classes = 2

// Sent is what left a connection's output at once, by class.
type Sent [Classes]Tally

// sentMax is how many connections' replies gather before Options.Sent is told: it takes the time once for all.
const sentMax = 16

// EndTallied is End for replies that the caller has tallied, or with none. Any goroutine.
func (c *Conn) EndTallied(out []byte, replies *Sent) {
	for k := range replies {
		c.tally[k].add(&replies[k])
	}
	c.tallied = true
	c.End(out)
}

func (t *Tally) add(o *Tally) {
	t.Count += o.Count
	t.Read += o.Read
	t.Ready += o.Ready
}

// takeTally adds what waited in the output to what the loop has sent. c.mu is held.
func (c *Conn) takeTally() {
	if !c.tallied {
		return
	}
	c.tallied = false
	if c.loop.opts.Sent != nil {
		c.loop.sent = append(c.loop.sent, c.tally)
	}
	c.tally = Sent{}
}

// tellSent reports what was sent, if it is at least so many connections' replies.
func (l *Loop) tellSent(least int) {
	if len(l.sent) >= least {
		l.opts.Sent(l, l.sent)
		l.sent = l.sent[:0]
	}
}
