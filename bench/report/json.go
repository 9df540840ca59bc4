package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// WriteJSON writes r as one indented object, which Read reads.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// Read reads what WriteJSON wrote. The error says what the file is if it is no report that this version reads.
func Read(r io.Reader) (*Report, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	// The format decides what the rest means, so it is looked at alone.
	var head struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	switch {
	case head.Format == nil:
		return nil, errors.New("not a report: it has no format, which \"gamekeeper bench --json\" writes")
	case *head.Format > Format:
		return nil, fmt.Errorf("the report has format %d, and this version reads up to %d: use the gamekeeper that wrote it, or a newer one", *head.Format, Format)
	case *head.Format < 1:
		return nil, fmt.Errorf("not a report: format %d never was", *head.Format)
	}
	report := &Report{}
	if err := json.Unmarshal(data, report); err != nil {
		return nil, fmt.Errorf("a damaged report: %w", err)
	}
	if err := report.check(); err != nil {
		return nil, fmt.Errorf("a damaged report: %w", err)
	}
	return report, nil
}

// check finds what nothing here could show.
func (r *Report) check() error {
	if len(r.Targets) == 0 {
		return errors.New("it names no target")
	}
	names := map[string]bool{}
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		if names[s.Name] {
			return fmt.Errorf("two scenarios are called %s", s.Name)
		}
		names[s.Name] = true
		for j := range s.Runs {
			if t := s.Runs[j].Target; t < 0 || t >= len(r.Targets) {
				return fmt.Errorf("a run of %s was against target %d of %d", s.Name, t, len(r.Targets))
			}
		}
	}
	return nil
}
