package report

import "time"

// Format is what Report.Format is of files that this version writes. It rises when files change so that an older
// reader would misread them.
const Format = 1

// Report is what one invocation measured. Durations are nanoseconds in JSON, sizes are bytes.
type Report struct {
	Format    int           `json:"format"`
	Title     string        `json:"title"`
	Version   string        `json:"version"` // of the program that measured
	Command   []string      `json:"command"` // that was given, to make the run again
	Began     time.Time     `json:"began"`
	Took      time.Duration `json:"took"`
	Machine   Machine       `json:"machine"`
	Targets   []Target      `json:"targets"` // the first is what the others are held against
	Scenarios []Scenario    `json:"scenarios"`
}

// Machine is where the load was made, and the servers too if the run started them.
type Machine struct {
	System     string `json:"system"`    // kernel and architecture
	Processor  string `json:"processor"` // model
	Processors int    `json:"processors"`
	Memory     int64  `json:"memory"`
	Disk       string `json:"disk,omitempty"` // file system of the servers' data
}

// Target is a server or an ensemble that was measured.
type Target struct {
	Name     string   `json:"name"`
	Servers  []string `json:"servers"`            // host:port
	Version  string   `json:"version,omitempty"`  // as the server says
	Started  bool     `json:"started"`            // by the run, with the settings
	Settings []string `json:"settings,omitempty"` // lines for people: of zoo.cfg, of the Java VM
}

// Scenario is one thing that was measured.
type Scenario struct {
	Name    string         `json:"name"`    // unique in the report
	About   string         `json:"about"`   // a line for people: the load in words
	Options map[string]any `json:"options"` // the load as flags have it
	Figures []Figure       `json:"figures"` // that its runs have, in the order of tables; the first is what counts
	Runs    []Run          `json:"runs"`    // by round and then as they were run
}

// Figure describes a value of runs.
type Figure struct {
	Name   string `json:"name"` // key of Run.Values, and the title of a column
	Unit   Unit   `json:"unit"`
	Better Better `json:"better,omitempty"`
}

// Unit says how a value is written.
type Unit string

// The units.
const (
	PerSecond Unit = "/s"
	Duration  Unit = "duration" // nanoseconds
	Bytes     Unit = "bytes"
	Count     Unit = "count"
	Share     Unit = "share" // of 1, written in percent
)

// Better says which of two values is the better one.
type Better string

// The directions. A figure without one is for information and gets no ratio.
const (
	Higher Better = "higher"
	Lower  Better = "lower"
)

// Run is one scenario, run once against one target.
type Run struct {
	Target    int                `json:"target"` // index of Report.Targets
	Round     int                `json:"round"`  // from 0
	Began     time.Time          `json:"began"`  // of measuring, after all preparations; times in the run count from here
	Elapsed   time.Duration      `json:"elapsed"`
	Values    map[string]float64 `json:"values"`
	Kinds     []Kind             `json:"kinds,omitempty"`     // by kind of request
	Errors    []ErrorCount       `json:"errors,omitempty"`    // replies that held errors, requests that were lost
	Notes     []string           `json:"notes,omitempty"`     // what the reader must know to judge the figures
	Latency   []Bucket           `json:"latency,omitempty"`   // distribution over all kinds
	Seconds   []Second           `json:"seconds,omitempty"`   // how it went
	Steps     []Step             `json:"steps,omitempty"`     // of a ramp
	Processes []Process          `json:"processes,omitempty"` // of the servers, and of the load generator
	Stages    []Stage            `json:"stages,omitempty"`    // where the time goes in the servers that tell
	Events    []Event            `json:"events,omitempty"`    // faults and the like
}

// Kind is the part of one kind of request.
type Kind struct {
	Name       string  `json:"name"`
	Throughput float64 `json:"throughput"` // replies without error per second
	Latency    Latency `json:"latency"`
}

// Latency sums up latencies.
type Latency struct {
	Count int64         `json:"count"`
	Mean  time.Duration `json:"mean"`
	P50   time.Duration `json:"p50"`
	P90   time.Duration `json:"p90"`
	P99   time.Duration `json:"p99"`
	P999  time.Duration `json:"p999"`
	Max   time.Duration `json:"max"`
}

// ErrorCount says how often something went wrong.
type ErrorCount struct {
	What  string `json:"what"` // kind of request and the error's text
	Code  int32  `json:"code"` // of the protocol; 0 for what no server answered
	Count int64  `json:"count"`
}

// Bucket counts latencies from the bound of the bucket before, exclusively, to its own.
type Bucket struct {
	To    time.Duration `json:"to"`
	Count int64         `json:"count"`
}

// Second is what happened in about a second.
type Second struct {
	At     time.Duration `json:"at"`   // its end, since the run began
	Span   time.Duration `json:"span"` // that it took
	Rate   float64       `json:"rate"` // replies without error per second
	P50    time.Duration `json:"p50"`
	P99    time.Duration `json:"p99"`
	Max    time.Duration `json:"max"`
	Errors int64         `json:"errors"`
	Gap    time.Duration `json:"gap,omitempty"` // longest time without a reply that ended in it, or lasts at its end
}

// Step is one rate that a ramp tried.
type Step struct {
	Rate    float64 `json:"rate"`    // asked for, per second
	Reached float64 `json:"reached"` // replies without error per second
	Latency Latency `json:"latency"`
	Held    bool    `json:"held"` // whether the bound was kept
}

// Process is what a process used while a run was measured.
type Process struct {
	Name    string        `json:"name"` // "client", or of the server
	CPU     time.Duration `json:"cpu"`
	Read    int64         `json:"read"`    // bytes from disk
	Written int64         `json:"written"` // bytes to disk
	Peak    int64         `json:"peak"`    // most memory resident
	Samples []Sample      `json:"samples,omitempty"`
}

// Sample is a look at a process; CPU and bytes count from the beginning of the run.
type Sample struct {
	At       time.Duration `json:"at"`
	CPU      time.Duration `json:"cpu"`
	Resident int64         `json:"resident"`
	Written  int64         `json:"written"`
}

// Stage is what requests waited for in one stage of a server.
type Stage struct {
	Server  string  `json:"server"`
	Name    string  `json:"name"`
	Latency Latency `json:"latency"`
}

// Event is something that was done, or seen, during a run.
type Event struct {
	At   time.Duration `json:"at"`
	Took time.Duration `json:"took"` // 0 for a moment
	What string        `json:"what"`
}
