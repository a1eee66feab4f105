// formats checks reports of the controller by the code of those who read them: metrics by the linter of promtool, OpenMetrics by
// Prometheus' own parser too, and report objects by the types of openreports.io and of Kyverno's wgpolicyk8s.io, which take no other
// field.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	policyreport "github.com/kyverno/kyverno/api/policyreport/v1alpha2"
	openreports "github.com/openreports/reports-api/apis/openreports.io/v1alpha1"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("formats metrics|openmetrics|openreports|policyreport FILE"))
	}
	read, err := os.ReadFile(os.Args[2])
	fail(err)
	switch os.Args[1] {
	case "metrics":
		fail(metrics(read))
	case "openmetrics":
		fail(openmetrics(read))
	case "openreports":
		fail(objects(read, openreport))
	case "policyreport":
		fail(objects(read, policyReport))
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

// objects reads a list of report objects, each by a function that returns the number of its results.
func objects(read []byte, object func(decoder *json.Decoder) (int, error)) error {
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(read, &list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return fmt.Errorf("the list is empty")
	}
	for number, item := range list.Items {
		decoder := json.NewDecoder(bytes.NewReader(item))
		decoder.DisallowUnknownFields()
		results, err := object(decoder)
		if err != nil {
			return err
		}
		if results == 0 {
			return fmt.Errorf("object %d has no results", number)
		}
	}
	return nil
}

// openreport reads a Report. One of the whole cluster has the same fields.
func openreport(decoder *json.Decoder) (int, error) {
	var report openreports.Report
	if err := decoder.Decode(&report); err != nil {
		return 0, err
	}
	if report.APIVersion != openreports.SchemeGroupVersion.String() || report.Source == "" {
		return 0, fmt.Errorf("%s is of %s, with the source %q", report.Name, report.APIVersion, report.Source)
	}
	return len(report.Results), nil
}

// policyReport reads a PolicyReport. One of the whole cluster has the same fields.
func policyReport(decoder *json.Decoder) (int, error) {
	var report policyreport.PolicyReport
	if err := decoder.Decode(&report); err != nil {
		return 0, err
	}
	if report.APIVersion != policyreport.SchemeGroupVersion.String() {
		return 0, fmt.Errorf("%s is of %s", report.Name, report.APIVersion)
	}
	return len(report.Results), nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "formats:", err)
		os.Exit(1)
	}
}
