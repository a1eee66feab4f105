// formats checks reports of the controller by the code of those who read them: metrics by the linter of promtool, and report
// objects by the types of openreports.io, which take no other field.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	openreports "github.com/openreports/reports-api/apis/openreports.io/v1alpha1"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("formats metrics|openreports FILE"))
	}
	read, err := os.ReadFile(os.Args[2])
	fail(err)
	switch os.Args[1] {
	case "metrics":
		fail(metrics(read))
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
