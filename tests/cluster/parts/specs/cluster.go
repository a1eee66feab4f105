package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// object is any object of the API, as JSON has it.
type object = map[string]any

// cluster imitates as much of an API server, a scheduler and kubelets as the specs use.
type cluster struct {
	mutex sync.Mutex
	// Objects by their path below the API's version: `namespaces/x/pods/a`.
	objects map[string]object
	// Counts the objects, for addresses and identities.
	made  int
	asker *asker
	// Set when an object has changed since the last question.
	changed bool
}

// The kind and the API's version of each resource.
var kinds = map[string][2]string{
	"namespaces":      {"Namespace", "v1"},
	"pods":            {"Pod", "v1"},
	"services":        {"Service", "v1"},
	"networkpolicies": {"NetworkPolicy", "networking.k8s.io/v1"},
}

func newCluster(asker *asker) *cluster {
	return &cluster{objects: map[string]object{}, asker: asker}
}

func (c *cluster) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	path := in.URL.Path
	for _, version := range []string{"/api/v1/", "/apis/networking.k8s.io/v1/"} {
		path = strings.TrimPrefix(path, version)
	}
	if pod, is := strings.CutSuffix(path, "/exec"); is {
		c.exec(out, in, pod)
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	words := strings.Split(path, "/")
	// A collection's path has an odd number of words.
	resource, collection := words[len(words)-1], len(words)%2 == 1
	if !collection {
		resource = words[len(words)-2]
	}
	if kinds[resource][0] == "" {
		status(out, http.StatusNotFound, "NotFound")
		return
	}
	switch {
	case in.Method == http.MethodGet && collection:
		c.list(out, in, resource, path)
	case in.Method == http.MethodGet:
		c.answer(out, path)
	case in.Method == http.MethodDelete:
		c.remove(path)
		status(out, http.StatusOK, "")
	case in.Method == http.MethodPost || in.Method == http.MethodPut:
		var given object
		if err := json.NewDecoder(in.Body).Decode(&given); err != nil {
			status(out, http.StatusBadRequest, "BadRequest")
			return
		}
		if in.Method == http.MethodPost {
			path += "/" + metadata(given)["name"].(string)
			c.furnish(resource, given)
		}
		c.objects[path] = given
		c.changed = true
		c.answer(out, path)
	default:
		status(out, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func metadata(given object) object {
	found, is := given["metadata"].(object)
	if !is {
		found = object{}
		given["metadata"] = found
	}
	return found
}

// furnish adds to a new object what a server, a scheduler and a kubelet would.
func (c *cluster) furnish(resource string, given object) {
	c.made++
	metadata(given)["uid"] = fmt.Sprintf("%08d", c.made)
	address := fmt.Sprintf("10.%d.%d.%d", map[string]int{"pods": 244, "services": 96}[resource], c.made/250, c.made%250+1)
	switch resource {
	case "namespaces":
		found, is := metadata(given)["labels"].(object)
		if !is {
			found = object{}
			metadata(given)["labels"] = found
		}
		found[v1.LabelMetadataName] = metadata(given)["name"]
	case "pods":
		given["status"] = object{"phase": "Running", "podIP": address}
	case "services":
		given["spec"].(object)["clusterIP"] = address
	}
}

// remove deletes an object, and everything in it if it is a namespace.
func (c *cluster) remove(path string) {
	maps.DeleteFunc(c.objects, func(key string, _ object) bool {
		return key == path || strings.HasPrefix(key, path+"/")
	})
	c.changed = true
}

// below returns the objects of a collection in the order of their paths.
func (c *cluster) below(collection string) []object {
	found := []object{}
	for _, path := range slices.Sorted(maps.Keys(c.objects)) {
		name, is := strings.CutPrefix(path, collection+"/")
		if is && !strings.Contains(name, "/") {
			found = append(found, c.objects[path])
		}
	}
	return found
}

func (c *cluster) list(out http.ResponseWriter, in *http.Request, resource, path string) {
	selector, err := labels.Parse(in.URL.Query().Get("labelSelector"))
	check(err)
	items := slices.DeleteFunc(c.below(path), func(item object) bool {
		own := labels.Set{}
		given, _ := metadata(item)["labels"].(object)
		for key, value := range given {
			own[key] = value.(string)
		}
		return !selector.Matches(own)
	})
	kind := kinds[resource]
	send(out, http.StatusOK, object{"kind": kind[0] + "List", "apiVersion": kind[1], "metadata": object{}, "items": items})
}

func (c *cluster) answer(out http.ResponseWriter, path string) {
	found, is := c.objects[path]
	if !is {
		status(out, http.StatusNotFound, "NotFound")
		return
	}
	words := strings.Split(path, "/")
	kind := kinds[words[len(words)-2]]
	found["kind"], found["apiVersion"] = kind[0], kind[1]
	send(out, http.StatusOK, found)
}

func send(out http.ResponseWriter, code int, body any) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(code)
	check(json.NewEncoder(out).Encode(body))
}

func status(out http.ResponseWriter, code int, reason string) {
	send(out, code, object{"kind": "Status", "apiVersion": "v1", "reason": reason, "code": code})
}

// typed returns every object of a resource, in any namespace, as Go's type of it.
func typed[T any](c *cluster, resource string) []T {
	var all []T
	for _, path := range slices.Sorted(maps.Keys(c.objects)) {
		words := strings.Split(path, "/")
		if words[len(words)-2] == resource {
			text, err := json.Marshal(c.objects[path])
			check(err)
			var one T
			check(json.Unmarshal(text, &one))
			all = append(all, one)
		}
	}
	return all
}

type container struct {
	Port     int32
	PortName string
	Protocol v1.Protocol
}

type pod struct {
	Namespace  string
	Name       string
	Labels     map[string]string
	IP         string
	Containers []container
}

type state struct {
	Namespaces map[string]map[string]string
	Pods       []pod
	Policies   []networkingv1.NetworkPolicy
}

// state returns what decides about connections.
func (c *cluster) state() state {
	now := state{Namespaces: map[string]map[string]string{}, Policies: typed[networkingv1.NetworkPolicy](c, "networkpolicies")}
	for _, namespace := range typed[v1.Namespace](c, "namespaces") {
		now.Namespaces[namespace.Name] = namespace.Labels
	}
	for _, found := range typed[v1.Pod](c, "pods") {
		one := pod{Namespace: found.Namespace, Name: found.Name, Labels: found.Labels, IP: found.Status.PodIP}
		for _, each := range found.Spec.Containers {
			for _, port := range each.Ports {
				one.Containers = append(one.Containers, container{port.ContainerPort, port.Name, port.Protocol})
			}
		}
		now.Pods = append(now.Pods, one)
	}
	return now
}
