package admin

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// appendDouble appends v as java.lang.Double.toString writes it: a point always, an exponent from 1E7 up
// and below 1E-3.
func appendDouble(b []byte, v float64) []byte {
	switch abs := math.Abs(v); {
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, 0):
		if v < 0 {
			b = append(b, '-')
		}
		return append(b, "Infinity"...)
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		start := len(b)
		b = strconv.AppendFloat(b, v, 'f', -1, 64)
		if !strings.Contains(string(b[start:]), ".") {
			b = append(b, ".0"...)
		}
		return b
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
	b = append(b, digits...)
	if !strings.Contains(digits, ".") {
		b = append(b, ".0"...)
	}
	n, err := strconv.Atoi(exponent)
	if err != nil {
		panic("admin: exponent of a float is not a number: " + exponent)
	}
	return strconv.AppendInt(append(b, 'E'), int64(n), 10)
}

// round4 rounds a positive v to four decimals, halves up, as Apache does with every average.
func round4(v float64) float64 { return math.Floor(v*1e4+0.5) / 1e4 }

// appendAddr appends a as java.net.InetSocketAddress.toString writes an address without a name: after a
// slash, IPv6 in brackets and without the short form "::".
func appendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().Unmap()
	b = append(b, '/')
	if ip.Is6() {
		b = append(b, '[')
		raw := ip.As16()
		for i := 0; i < len(raw); i += 2 {
			if i > 0 {
				b = append(b, ':')
			}
			b = appendHex(b, uint64(raw[i])<<8|uint64(raw[i+1]))
		}
		if zone := ip.Zone(); zone != "" {
			b = append(append(b, '%'), zone...)
		}
		b = append(b, ']')
	} else {
		b = ip.AppendTo(b)
	}
	return strconv.AppendUint(append(b, ':'), uint64(a.Port()), 10)
}

func appendHex(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 16) }

// javaDate is the layout of java.util.Date.toString.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"
