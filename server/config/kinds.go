package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is how the value of a key is read. The constructors below take a pointer to the field that the
// value goes to; with nil the value is checked and dropped.
type kind struct {
	name string // as the document calls it
	read func(value string) error
}

// notation is how whole numbers are written. Apache reads keys of its own in plain decimal and the others
// as Java's Long.decode does.
type notation func(value string) (int64, error)

// decimal is the notation of Apache's native keys.
func decimal(value string) (int64, error) { return strconv.ParseInt(value, 10, 64) }

// decoded is the notation of the keys that Apache reads from a system property: decimal, or hexadecimal
// after 0x or #, or octal after 0.
func decoded(value string) (int64, error) {
	digits, sign := value, ""
	if digits != "" && (digits[0] == '+' || digits[0] == '-') {
		sign, digits = digits[:1], digits[1:]
	}
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"), strings.HasPrefix(digits, "0X"):
		digits, base = digits[2:], 16
	case strings.HasPrefix(digits, "#"):
		digits, base = digits[1:], 16
	case len(digits) > 1 && digits[0] == '0':
		digits, base = digits[1:], 8
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(sign+digits, base, 64)
}

// readWhole reads a whole number of the given things, within lo and hi.
func readWhole(n notation, things, value string, lo, hi int64) (int64, error) {
	v, err := n(value)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("not a whole number%s", things)
	case err != nil || v > hi:
		return 0, fmt.Errorf("too large; the largest is %d", hi)
	case v < lo:
		return 0, fmt.Errorf("too small; the smallest is %d", lo)
	}
	return v, nil
}

func store[T any](field *T, value T) {
	if field != nil {
		*field = value
	}
}

// whole is a whole number in an int, lo at least. Java's int ends at 2^31-1.
func whole(n notation, lo int64, field *int) kind {
	return wholeOf(n, "", lo, field)
}

// ticks is a whole number of ticks.
func ticks(lo int64, field *int) kind { return wholeOf(decimal, " of ticks", lo, field) }

func wholeOf(n notation, things string, lo int64, field *int) kind {
	return kind{"number" + things, func(value string) error {
		v, err := readWhole(n, things, value, lo, math.MaxInt32)
		if err == nil {
			store(field, int(v))
		}
		return err
	}}
}

// byteCount is a whole number of bytes.
func byteCount(n notation, lo int64, field *int) kind { return wholeOf(n, " of bytes", lo, field) }

// kibibytes is a whole number of KiB in a field of bytes; -1 stays Unset where lo allows it.
func kibibytes(lo int64, field *int64) kind {
	return kind{"number of KiB", func(value string) error {
		v, err := readWhole(decoded, " of KiB", value, lo, math.MaxInt64>>10)
		if err != nil {
			return err
		}
		if v < 0 {
			store(field, Unset)
		} else {
			store(field, v<<10)
		}
		return nil
	}}
}

// millis is a whole number of milliseconds.
func millis(n notation, lo int64, field *time.Duration) kind {
	return durationOf(n, time.Millisecond, " of milliseconds", lo, field)
}

func durationOf(n notation, unit time.Duration, things string, lo int64, field *time.Duration) kind {
	return kind{"number" + things, func(value string) error {
		v, err := readWhole(n, things, value, lo, math.MaxInt32)
		if err == nil {
			store(field, time.Duration(v)*unit)
		}
		return err
	}}
}

// hours is a number of hours, or with a suffix of the unit that it names.
func hours(field *time.Duration) kind {
	return kind{"hours, or a number with ms, s, m, h or d", func(value string) error {
		number, unit := strings.ToLower(value), time.Hour
		for _, u := range []struct {
			suffix string
			unit   time.Duration
		}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}} {
			if n, found := strings.CutSuffix(number, u.suffix); found {
				number, unit = n, u.unit
				break
			}
		}
		v, err := readWhole(decimal, " of hours, nor one with ms, s, m, h or d behind it", number, 0, math.MaxInt64/int64(unit))
		if err == nil {
			store(field, time.Duration(v)*unit)
		}
		return err
	}}
}

// fraction is a decimal number.
func fraction(field *float64) kind {
	return kind{"number", func(value string) error {
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("not a number")
		}
		store(field, v)
		return nil
	}}
}

// boolean is true or false.
func boolean(field *bool) kind {
	return kind{"true or false", func(value string) error {
		switch strings.ToLower(value) {
		case "true":
			store(field, true)
		case "false":
			store(field, false)
		default:
			return errors.New("neither true nor false")
		}
		return nil
	}}
}

// yesNo is yes or no.
func yesNo(field *bool) kind {
	return kind{"yes or no", func(value string) error {
		switch strings.ToLower(value) {
		case "yes":
			store(field, true)
		case "no":
			store(field, false)
		default:
			return errors.New("neither yes nor no")
		}
		return nil
	}}
}

// port is a TCP port, lo at least.
func port(lo int, field *int) kind {
	return kind{"port", func(value string) error {
		p, err := parsePort(value, lo)
		if err == nil {
			store(field, p)
			return nil
		}
		if value == "" {
			return errors.New("no port")
		}
		return fmt.Errorf("not a port from %d to 65535", lo)
	}}
}

// host is a host name or IP address without a port. It is not looked up here.
func host(field *string) kind {
	return kind{"host or IP address", func(value string) error {
		h, rest, err := cutHost(value)
		switch {
		case err != nil:
			return err
		case value == "":
			return errors.New("empty; write a host or remove the line")
		case net.ParseIP(value) != nil: // an IPv6 address without brackets
			h = value
		case strings.Contains(value, "%") && net.ParseIP(value[:strings.Index(value, "%")]) != nil:
			h = value
		case len(rest) > 0:
			return errors.New("a host without a port is needed; the port has a key of its own")
		case strings.ContainsAny(value, " \t/,;"):
			return errors.New("not a host or IP address")
		}
		store(field, h)
		return nil
	}}
}

// text is any string, also an empty one.
func text(field *string) kind {
	return kind{"text", func(value string) error { store(field, value); return nil }}
}

// path is the path of a file or directory.
func path(field *string) kind {
	return kind{"path", func(value string) error {
		if value == "" {
			return errors.New("empty; write a path or remove the line")
		}
		if strings.ContainsRune(value, 0) {
			return errors.New("a path cannot hold a zero byte")
		}
		store(field, value)
		return nil
	}}
}

// urlPath is the path of a URL.
func urlPath(field *string) kind {
	return kind{"path of a URL", func(value string) error {
		if !strings.HasPrefix(value, "/") {
			return errors.New("does not begin with /")
		}
		store(field, value)
		return nil
	}}
}

// oneOf is one of the words, in any case.
func oneOf(field *string, words ...string) kind {
	all := strings.Join(words, ", ")
	return kind{all, func(value string) error {
		for _, w := range words {
			if strings.EqualFold(w, value) {
				store(field, w)
				return nil
			}
		}
		return fmt.Errorf("not one of %s", all)
	}}
}

// optional makes an empty value mean that the key is not set.
func optional(k kind) kind {
	return kind{k.name, func(value string) error {
		if value == "" {
			return nil
		}
		return k.read(value)
	}}
}

// list is words separated by commas; blanks around them and empty words are dropped.
func list(field *[]string) kind {
	return kind{"list, separated by commas", func(value string) error {
		store(field, splitList(value))
		return nil
	}}
}

func splitList(value string) []string {
	var words []string
	for _, w := range strings.Split(value, ",") {
		if w = trim(w); w != "" {
			words = append(words, w)
		}
	}
	return words
}

// anything is the kind of keys that only Java has a use for: the value is not looked at.
func anything(name string) kind {
	return kind{name, func(string) error { return nil }}
}

// electionAlgorithm accepts the one algorithm that is left.
func electionAlgorithm() kind {
	return kind{"3", func(value string) error {
		if v, err := decimal(value); err != nil || v != 3 {
			return errors.New("only election algorithm 3 exists")
		}
		return nil
	}}
}

// ownRole is participant or observer.
func ownRole(field *Role) kind {
	return kind{"participant or observer", func(value string) error {
		r, err := parseRole(value)
		if err == nil {
			store(field, r)
			return nil
		}
		return errors.New("neither participant nor observer")
	}}
}

// fourLetterWords are the words Apache knows, sorted.
func fourLetterWords() []string {
	return []string{
		"conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr",
		"ruok", "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs",
	}
}

// whitelist is a list of four-letter words, where * stands for all.
func whitelist(field *[]string) kind {
	return kind{"four-letter words, separated by commas, or *", func(value string) error {
		known := fourLetterWords()
		words := splitList(value)
		if slices.Contains(words, "*") {
			store(field, known)
			return nil
		}
		for _, w := range words {
			if !slices.Contains(known, w) {
				return fmt.Errorf("%q is not a four-letter word; the words are %s, and * for all", w, strings.Join(known, " "))
			}
		}
		slices.Sort(words)
		store(field, slices.Compact(words))
		return nil
	}}
}

// digestAlgorithm is a hash by any of the names that Java gives it.
func digestAlgorithm(field *string) kind {
	return kind{"hash algorithm", func(value string) error {
		name := strings.ToUpper(value)
		switch name {
		case "SHA", "SHA-1":
			name = "SHA1"
		case "SHA224", "SHA256", "SHA384", "SHA512", "SHA512/224", "SHA512/256":
			name = "SHA-" + name[3:]
		}
		known := []string{
			"MD5", "SHA1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "SHA-512/224", "SHA-512/256",
			"SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512",
		}
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown algorithm; the algorithms are %s", strings.Join(known, ", "))
		}
		store(field, name)
		return nil
	}}
}

// userDigest is user:base64, as the digest scheme writes it in ACLs.
func userDigest(field *string) kind {
	return kind{"user:base64 of a digest", func(value string) error {
		user, hash, found := strings.Cut(value, ":")
		if _, err := base64.StdEncoding.DecodeString(hash); err != nil || !found || user == "" || hash == "" {
			return errors.New("not user:digest with the digest in base64, as DigestAuthenticationProvider.generateDigest prints it")
		}
		store(field, value)
		return nil
	}}
}
