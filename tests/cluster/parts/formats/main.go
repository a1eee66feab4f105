// formats checks reports of the controller by the code of those who read them: metrics by the linter of promtool, OpenMetrics by
// Prometheus' own parser too, and report objects by the types of openreports.io, which take no other field.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	openreports "github.com/openreports/reports-api/apis/openreports.io/v1alpha1"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("formats metrics|openmetrics|openreports FILE"))
	}
	read, err := os.ReadFile(os.Args[2])
	fail(err)
	switch os.Args[1] {
	case "metrics":
		fail(metrics(read))
	case "openmetrics":
		fail(openmetrics(read))
	case "openreports":
		fail(objects(read))
	default:
		fail(fmt.Errorf("no format %s", os.Args[1]))
	}
}

func metrics(read []byte) error {
	problems, err := promlint.New(bytes.NewReader(read)).Lint()
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%v", problems)
	}
	return err
}

// openmetrics reads all entries as a scrape does. The linter knows a counter by the name of its series, as Prometheus keeps it.
func openmetrics(read []byte) error {
	parser := textparse.NewOpenMetricsParser(read, labels.NewSymbolTable())
	var families []*dto.MetricFamily
	name := func(of []byte) *string { text := string(of); return &text }
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch entry {
		case textparse.EntryHelp:
			of, help := parser.Help()
			families = append(families, &dto.MetricFamily{Name: name(of), Help: name(help)})
		case textparse.EntryType:
			of, kind := parser.Type()
			if len(families) == 0 || families[len(families)-1].GetName() != string(of) {
				return fmt.Errorf("%s has a type and no help", of)
			}
			family := families[len(families)-1]
			family.Type = dto.MetricType_GAUGE.Enum()
			if kind == model.MetricTypeCounter {
				family.Type = dto.MetricType_COUNTER.Enum()
				family.Name = name(append(of, "_total"...))
			}
		case textparse.EntrySeries:
			var series labels.Labels
			parser.Labels(&series)
			if of := series.Get(labels.MetricName); len(families) == 0 || families[len(families)-1].GetName() != of {
				return fmt.Errorf("%s is not described", of)
			}
			family := families[len(families)-1]
			metric := &dto.Metric{}
			series.Range(func(label labels.Label) {
				if label.Name != labels.MetricName {
					metric.Label = append(metric.Label, &dto.LabelPair{Name: &label.Name, Value: &label.Value})
				}
			})
			family.Metric = append(family.Metric, metric)
		}
	}
	if len(families) == 0 {
		return fmt.Errorf("there are no metrics")
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("%v", problems)
	}
	return err
}

func objects(read []byte) error {
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(read, &list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return fmt.Errorf("the list is empty")
	}
	for _, item := range list.Items {
		// A report of the whole cluster has the same fields.
		var report openreports.Report
		decoder := json.NewDecoder(bytes.NewReader(item))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&report); err != nil {
			return err
		}
		if report.Source == "" || len(report.Results) == 0 {
			return fmt.Errorf("%s has no source or no results", report.Name)
		}
	}
	return nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "formats:", err)
		os.Exit(1)
	}
}
