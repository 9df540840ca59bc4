package ensemble

import (
	"fmt"
	"net"
)

// Clients is the place of the program itself in a Network; servers have their numbers, from 1.
const Clients = 0

const bridge = "ensemble"

// Network joins network namespaces, one for each server, by a bridge; the program itself is on it too. Every place
// knows the hardware addresses of the others for good, so that a link is cut, one way, by a wrong address: packets
// go out and nobody takes them, as on a broken network.
type Network struct {
	servers int
	cut     map[[2]int]bool
}

// NewNetwork makes the network of so many servers. It needs Sandbox, and lives as long as that.
func NewNetwork(servers int) (*Network, error) {
	n := &Network{servers: servers, cut: map[[2]int]bool{}}
	steps := [][]string{
		{"link", "add", bridge, "address", hardware(Clients), "type", "bridge", "forward_delay", "0", "mcast_snooping", "0"},
		{"addr", "add", n.Address(Clients) + "/24", "dev", bridge},
		{"link", "set", bridge, "up"},
	}
	for i := 1; i <= servers; i++ {
		space, port := namespace(i), fmt.Sprint("port", i)
		steps = append(steps, [][]string{
			{"netns", "add", space},
			{"link", "add", port, "type", "veth", "peer", "name", "eth0", "address", hardware(i), "netns", space},
			{"link", "set", port, "master", bridge, "up"},
			{"-n", space, "link", "set", "lo", "up"},
			{"-n", space, "addr", "add", n.Address(i) + "/24", "dev", "eth0"},
			{"-n", space, "link", "set", "eth0", "up"},
		}...)
	}
	for _, step := range steps {
		if err := run("ip", step...); err != nil {
			return nil, err
		}
	}
	for from := range servers + 1 {
		for to := range servers + 1 {
			if from == to {
				continue
			}
			if err := n.neighbour(from, to, hardware(to)); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

func hardware(place int) string { return net.HardwareAddr{2, 0, 0, 0, 0, byte(place)}.String() }

func namespace(server int) string { return fmt.Sprint("server", server) }

// Address returns the IP address of a place.
func (n *Network) Address(place int) string { return fmt.Sprint("10.11.12.", 100+place) }

// command returns the command line that runs another one in the place of a server.
func (n *Network) command(server int, argv []string) []string {
	return append([]string{"ip", "netns", "exec", namespace(server)}, argv...)
}

// Cut loses all packets from one place to another; those that come back arrive.
func (n *Network) Cut(from, to int) error {
	n.cut[[2]int{from, to}] = true
	return n.neighbour(from, to, hardware(0xff))
}

// Split loses all packets between the places of one group and those of the other.
func (n *Network) Split(a, b []int) error {
	for _, x := range a {
		for _, y := range b {
			if err := n.Cut(x, y); err != nil {
				return err
			}
			if err := n.Cut(y, x); err != nil {
				return err
			}
		}
	}
	return nil
}

// Heal makes every link whole.
func (n *Network) Heal() error {
	for link := range n.cut {
		if err := n.neighbour(link[0], link[1], hardware(link[1])); err != nil {
			return err
		}
		delete(n.cut, link)
	}
	return nil
}

func (n *Network) neighbour(from, to int, address string) error {
	args := []string{"neigh", "replace", n.Address(to), "lladdr", address, "nud", "permanent", "dev"}
	if from == Clients {
		return run("ip", append(args, bridge)...)
	}
	return run("ip", append([]string{"-n", namespace(from)}, append(args, "eth0")...)...)
}
