// Runs the NetworkPolicy specs of Kubernetes' own e2e tests, unchanged, against an API that is imitated here. Each probe of
// a spec is a question to the program that started this one, so the specs judge that program's model.
//
// Standard output has a line of JSON for each state of the cluster, each question and each spec's result. Each line of
// standard input answers a question: `true` if the probe connects.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"
	"k8s.io/kubernetes/test/e2e/framework"
	_ "k8s.io/kubernetes/test/e2e/network/netpol"
)

// The specs that probe; the others of the package read and write policies only.
const focus = "NetworkPolicy between server and client"

type question struct {
	From     string
	To       string
	Port     int
	Protocol string
}

type result struct {
	Spec    string
	Passed  bool
	Message string
}

// asker writes questions and reads answers, one at a time.
type asker struct {
	mutex   sync.Mutex
	out     *json.Encoder
	answers *bufio.Scanner
}

// tells writes a line that no answer follows.
func (a *asker) tells(line any) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	check(a.out.Encode(line))
}

func (a *asker) asks(asked question) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	check(a.out.Encode(asked))
	if !a.answers.Scan() {
		check(fmt.Errorf("no answer to %+v", asked))
	}
	return a.answers.Text() == "true"
}

// suite is what a test of Go's testing package is to ginkgo.
type suite struct{}

func (suite) Fail() {}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// kubeconfig writes a configuration that names the imitated API alone.
func kubeconfig(folder, url string) string {
	file := filepath.Join(folder, "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "stage",
"clusters": [{"name": "stage", "cluster": {"server": %q}}],
"users": [{"name": "stage", "user": {}}],
"contexts": [{"name": "stage", "context": {"cluster": "stage", "user": "stage"}}]}`, url)
	check(os.WriteFile(file, []byte(text), 0o600))
	return file
}

// ownOutput returns standard output. What other code prints goes to standard error from then on.
func ownOutput() *os.File {
	own, err := syscall.Dup(syscall.Stdout)
	check(err)
	check(syscall.Dup3(syscall.Stderr, syscall.Stdout, 0))
	return os.NewFile(uintptr(own), "standard output")
}

func configure(file string) {
	context := &framework.TestContext
	context.KubeConfig = file
	context.KubeAPIContentType = "application/json"
	context.CloudConfig.Provider = framework.NullProvider{}
	context.DeleteNamespace = true
	context.DeleteNamespaceOnFailure = true
	// No controller makes accounts here.
	context.VerifyServiceAccount = false
}

func main() {
	asker := &asker{out: json.NewEncoder(ownOutput()), answers: bufio.NewScanner(os.Stdin)}
	folder, err := os.MkdirTemp("", "specs-")
	check(err)
	server := httptest.NewServer(newCluster(asker))
	configure(kubeconfig(folder, server.URL))

	gomega.RegisterFailHandler(ginkgo.Fail)
	ginkgo.ReportAfterEach(func(report ginkgo.SpecReport) {
		if !report.State.Is(types.SpecStateSkipped) {
			passed := report.State.Is(types.SpecStatePassed)
			asker.tells(result{report.FullText(), passed, report.FailureMessage()})
		}
	})
	specs, reporter := ginkgo.GinkgoConfiguration()
	specs.FocusStrings = []string{focus}
	// A probe that is answered wrongly tries for ten seconds.
	specs.FailFast = true
	reporter.Succinct, reporter.NoColor = true, true
	ginkgo.RunSpecs(suite{}, "specs", specs, reporter)
	server.Close()
	check(os.RemoveAll(folder))
}
