// Prints every case of cyclonus as a line of JSON: pods, namespaces, policies, and cyclonus' own simulation of each step.
// The only argument is the address of the pod z/c, around which cyclonus makes address blocks [default: the simulated one].
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/connectivity/probe"
	"github.com/mattfenwick/cyclonus/pkg/generator"
	"github.com/mattfenwick/cyclonus/pkg/matcher"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// The defaults of `cyclonus generate`.
var (
	namespaces = []string{"x", "y", "z"}
	pods       = []string{"a", "b", "c"}
	ports      = []int{80, 81}
	protocols  = []v1.Protocol{v1.ProtocolTCP, v1.ProtocolUDP, v1.ProtocolSCTP}
)

type cell struct {
	From     string
	To       string
	Port     int
	Protocol v1.Protocol
	Ingress  bool
	Egress   bool
}

type step struct {
	Case       string
	Namespaces map[string]map[string]string
	Pods       []*probe.Pod
	Policies   []*networkingv1.NetworkPolicy
	Cells      []cell
}

// state is the cluster of one case, as its actions change it.
type state struct {
	resources *probe.Resources
	policies  []*networkingv1.NetworkPolicy
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func resources() *probe.Resources {
	all := &probe.Resources{Namespaces: map[string]map[string]string{}}
	for i, namespace := range namespaces {
		all.Namespaces[namespace] = map[string]string{"ns": namespace}
		for j, name := range pods {
			pod := probe.NewDefaultPod(namespace, name, ports, protocols, false, "")
			pod.IP = fmt.Sprintf("192.168.%d.%d", i+1, j+1)
			all.Pods = append(all.Pods, pod)
		}
	}
	return all
}

func (s *state) remove(namespace, name string) {
	var kept []*networkingv1.NetworkPolicy
	for _, policy := range s.policies {
		if policy.Namespace != namespace || policy.Name != name {
			kept = append(kept, policy)
		}
	}
	s.policies = kept
}

func (s *state) apply(action *generator.Action) {
	var err error
	switch {
	case action.CreatePolicy != nil:
		s.policies = append(s.policies, action.CreatePolicy.Policy)
	case action.UpdatePolicy != nil:
		s.remove(action.UpdatePolicy.Policy.Namespace, action.UpdatePolicy.Policy.Name)
		s.policies = append(s.policies, action.UpdatePolicy.Policy)
	case action.DeletePolicy != nil:
		s.remove(action.DeletePolicy.Namespace, action.DeletePolicy.Name)
	case action.CreateNamespace != nil:
		s.resources, err = s.resources.CreateNamespace(action.CreateNamespace.Namespace, action.CreateNamespace.Labels)
	case action.SetNamespaceLabels != nil:
		s.resources, err = s.resources.UpdateNamespaceLabels(action.SetNamespaceLabels.Namespace, action.SetNamespaceLabels.Labels)
	case action.DeleteNamespace != nil:
		s.resources, err = s.resources.DeleteNamespace(action.DeleteNamespace.Namespace)
	case action.CreatePod != nil:
		s.resources, err = s.resources.CreatePod(action.CreatePod.Namespace, action.CreatePod.Pod, action.CreatePod.Labels)
		if err == nil {
			var pod *probe.Pod
			pod, err = s.resources.GetPod(action.CreatePod.Namespace, action.CreatePod.Pod)
			if err == nil {
				pod.IP = "192.168.9.9"
			}
		}
	case action.SetPodLabels != nil:
		s.resources, err = s.resources.SetPodLabels(action.SetPodLabels.Namespace, action.SetPodLabels.Pod, action.SetPodLabels.Labels)
	case action.DeletePod != nil:
		s.resources, err = s.resources.DeletePod(action.DeletePod.Namespace, action.DeletePod.Pod)
	case action.ReadNetworkPolicies != nil:
	default:
		err = fmt.Errorf("an action of an unknown kind: %+v", action)
	}
	check(err)
}

func (s *state) cells() []cell {
	policies := matcher.BuildNetworkPolicies(true, s.policies)
	jobs := (&probe.JobBuilder{}).GetJobsAllAvailableServers(s.resources, generator.ProbeModePodIP)
	runner := &probe.SimulatedJobRunner{Policies: policies}
	var cells []cell
	for _, result := range runner.RunJobs(jobs.Valid) {
		cells = append(cells, cell{
			From:     result.Job.FromKey,
			To:       result.Job.ToKey,
			Port:     result.Job.ResolvedPort,
			Protocol: result.Job.Protocol,
			Ingress:  *result.Ingress == probe.ConnectivityAllowed,
			Egress:   *result.Egress == probe.ConnectivityAllowed,
		})
	}
	return cells
}

func main() {
	first := resources()
	target, err := first.GetPod("z", "c")
	check(err)
	address := target.IP
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	cases := generator.NewTestCaseGenerator(true, address, namespaces, nil, nil).GenerateTestCases()
	out := json.NewEncoder(os.Stdout)
	for _, testCase := range cases {
		s := &state{resources: resources()}
		for _, one := range testCase.Steps {
			for _, action := range one.Actions {
				s.apply(action)
			}
			check(out.Encode(step{testCase.Description, s.resources.Namespaces, s.resources.Pods, s.policies, s.cells()}))
		}
	}
}
