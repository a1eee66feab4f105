// Prints the fixtures of the Pod Security Standards as lines of JSON. The argument is the folder with the fixtures of a release
// of k8s.io/pod-security-admission: LEVEL/VERSION/{pass,fail}/CONTROLNUMBER.yaml.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"
)

type fixture struct {
	Level   api.Level
	Version string
	Passes  bool
	Name    string
	Pod     json.RawMessage
}

func main() {
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*", "*", "*", "*.yaml"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no fixtures in %s", os.Args[1])
	}
	output := json.NewEncoder(os.Stdout)
	for _, file := range files {
		if err == nil {
			err = print(output, file)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func print(output *json.Encoder, file string) error {
	folder, base := filepath.Split(file)
	parts := strings.Split(filepath.Clean(folder), string(filepath.Separator))
	level, version, result := parts[len(parts)-3], parts[len(parts)-2], parts[len(parts)-1]
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pod, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	return output.Encode(fixture{
		Level:   api.Level(level),
		Version: version,
		Passes:  result == "pass",
		Name:    strings.TrimSuffix(base, ".yaml"),
		Pod:     pod,
	})
}
