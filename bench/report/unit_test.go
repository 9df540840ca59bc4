package report

import "testing"

func TestUnitText(t *testing.T) {
	for _, c := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{PerSecond, 1234567, "1,234,567"}, {PerSecond, 12.345, "12.3"}, {PerSecond, 0, "0"},
		{Duration, 0, "0"}, {Duration, 999, "999 ns"}, {Duration, 1500, "1.50 µs"}, {Duration, 999_700, "1.00 ms"},
		{Duration, 23.4e6, "23.4 ms"}, {Duration, 61e9, "61.0 s"},
		{Bytes, 0, "0 B"}, {Bytes, 999, "999 B"}, {Bytes, 1536, "1.54 kB"}, {Bytes, 16e9, "16.0 GB"}, {Bytes, 2e12, "2.00 TB"},
		{Count, 20000, "20,000"}, {Count, 2.5, "2.50"},
		{Share, 0.1234, "12.3 %"},
		{"furlongs", 7, "7"},
	} {
		if got := c.unit.Text(c.v); got != c.want {
			t.Errorf("%v of %q is %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestRatioText(t *testing.T) {
	for v, want := range map[float64]string{
		0.0512: "0.0512", 0.25: "0.250", 0.99949: "0.999", 0.9996: "1.00", 1: "1.00", 9.994: "9.99", 9.999: "10.0", 123.4: "123", 1234.5: "1,234", 0: "0.00",
	} {
		if got := ratioText(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}
