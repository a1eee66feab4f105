package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/remotecommand"
	client "k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	streaming "k8s.io/kubelet/pkg/cri/streaming/remotecommand"
)

// probing is the exec of one probe.
type probing struct {
	cluster *cluster
	// The pod that probes, as `NAMESPACE/NAME`.
	from string
}

// exec serves `agnhost connect ADDRESS:PORT --timeout=… --protocol=…` in a pod.
func (c *cluster) exec(out http.ResponseWriter, in *http.Request, path string) {
	if in.Method != http.MethodPost {
		// The client then asks by SPDY.
		status(out, http.StatusNotFound, "NotFound")
		return
	}
	words := strings.Split(path, "/")
	query := in.URL.Query()
	options := &streaming.Options{Stdout: true, Stderr: true}
	executor := probing{c, words[1] + "/" + words[3]}
	streaming.ServeExec(out, in, executor, words[3], "", query.Get("container"), query["command"], options,
		time.Minute, time.Minute, remotecommand.SupportedStreamingProtocols)
}

func (p probing) ExecInContainer(_ context.Context, _ string, _ types.UID, _ string, command []string,
	_ io.Reader, _, _ io.WriteCloser, _ bool, _ <-chan client.TerminalSize, _ time.Duration) error {
	address, text, err := net.SplitHostPort(command[2])
	check(err)
	port, err := strconv.Atoi(text)
	check(err)
	protocol := strings.ToUpper(strings.TrimPrefix(command[len(command)-1], "--protocol="))
	if p.cluster.connects(p.from, address, port, protocol) {
		return nil
	}
	return exec.CodeExitError{Err: errors.New("no connection"), Code: 1}
}

func (c *cluster) connects(from, address string, port int, protocol string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.changed {
		c.asker.tells(c.state())
		c.changed = false
	}
	return c.asker.asks(question{from, c.behind(address), port, protocol})
}

// behind returns the pod behind a service's address. Each service of the specs has one.
func (c *cluster) behind(address string) string {
	for _, service := range typed[v1.Service](c, "services") {
		if service.Spec.ClusterIP == address {
			return service.Namespace + "/" + service.Spec.Selector["pod"]
		}
	}
	check(fmt.Errorf("no service has the address %s", address))
	return ""
}
