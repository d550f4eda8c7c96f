// Applies and prunes as Flux's kustomize-controller does, and records what becomes of a
// cluster meanwhile:
//
//	fluxssa apply KUBECONFIG KUSTOMIZATION PRUNE INVENTORY <manifests.yaml
//	fluxssa watch KUBECONFIG
//
// apply: one reconciliation of a Kustomization of that name, with spec.prune true or
// false. The library is the controller's own; what stands between its calls is done here
// as the controller does it: owner labels, the apply in stages, the inventory that was
// written the last time (the file, rewritten), and from it the prune with the same
// inclusions and exclusions.
//
// watch: every write to the cluster, until standard input ends, a line of JSON each: type
// (THERE for what was found at the beginning) and object. READY stands alone on a line
// once nothing more can be missed. Lines of one kind are in order; across kinds an
// object's resourceVersion tells, which is the revision of the whole store.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/utils"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	group     = "kustomize.toolkit.fluxcd.io"
	namespace = "flux-system"
)

func main() {
	arguments := os.Args[1:]
	switch {
	case len(arguments) == 5 && arguments[0] == "apply":
		check(apply(config(arguments[1]), arguments[2], arguments[3] == "true", arguments[4]))
	case len(arguments) == 2 && arguments[0] == "watch":
		check(watch(config(arguments[1])))
	default:
		fmt.Fprintln(os.Stderr, "usage: fluxssa apply KUBECONFIG KUSTOMIZATION PRUNE INVENTORY | fluxssa watch KUBECONFIG")
		os.Exit(2)
	}
}

func config(path string) *rest.Config {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	check(err)
	// The controller asks the server to set the pace; nothing else would be the same order sooner.
	config.QPS = -1
	return config
}

func apply(config *rest.Config, name string, prune bool, inventory string) error {
	ctx := context.Background()
	cluster, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	poller := polling.NewStatusPoller(cluster, cluster.RESTMapper(), polling.Options{})
	manager := ssa.NewResourceManager(cluster, poller, ssa.Owner{Field: "kustomize-controller", Group: group})
	objects, err := utils.ReadObjects(os.Stdin)
	if err != nil {
		return err
	}
	manager.SetOwnerLabels(objects, name, namespace)
	known, err := read(inventory)
	if err != nil {
		return err
	}

	written := map[string]string{}
	for _, one := range objects {
		written[object.UnstructuredToObjMetadata(one).String()] = one.GroupVersionKind().Version
	}
	if len(objects) > 0 {
		options := ssa.DefaultApplyOptions()
		options.WaitInterval = 100 * time.Millisecond
		options.ExclusionSelector = map[string]string{group + "/reconcile": "disabled", group + "/ssa": "ignore"}
		options.IfNotPresentSelector = map[string]string{group + "/ssa": "IfNotPresent"}
		options.ForceSelector = map[string]string{group + "/force": "enabled"}
		if _, err := manager.ApplyAllStaged(ctx, objects, options); err != nil {
			return err
		}
	}

	var stale []*unstructured.Unstructured
	for id, version := range known {
		if _, still := written[id]; still {
			continue
		}
		meta, err := object.ParseObjMetadata(id)
		if err != nil {
			return err
		}
		one := &unstructured.Unstructured{}
		one.SetGroupVersionKind(schema.GroupVersionKind{Group: meta.GroupKind.Group, Version: version, Kind: meta.GroupKind.Kind})
		one.SetNamespace(meta.Namespace)
		one.SetName(meta.Name)
		stale = append(stale, one)
	}
	if prune {
		if _, err := manager.DeleteAll(ctx, stale, ssa.DeleteOptions{
			PropagationPolicy: metav1.DeletePropagationBackground,
			Inclusions:        manager.GetOwnerLabels(name, namespace),
			Exclusions:        map[string]string{group + "/prune": "disabled", group + "/reconcile": "disabled"},
		}); err != nil {
			return err
		}
	}
	text, err := json.Marshal(written)
	if err != nil {
		return err
	}
	return os.WriteFile(inventory, text, 0o600)
}

// What was applied the last time: ids with their versions.
func read(inventory string) (map[string]string, error) {
	known := map[string]string{}
	text, err := os.ReadFile(inventory)
	if errors.Is(err, os.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	return known, json.Unmarshal(text, &known)
}

// Kinds that say nothing about access, and change by themselves or are large.
var unwatched = map[string]bool{
	"events": true, "leases": true, "apiservices": true, "customresourcedefinitions": true,
	"flowschemas": true, "prioritylevelconfigurations": true, "ipaddresses": true, "servicecidrs": true,
	"endpoints": true, "endpointslices": true,
}

type line struct {
	Type   string                     `json:"type"`
	Object *unstructured.Unstructured `json:"object"`
}

func watch(config *rest.Config) error {
	ctx := context.Background()
	served, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerPreferredResources()
	if err != nil {
		return err
	}
	cluster := dynamic.NewForConfigOrDie(config)
	lines := make(chan line, 1000)
	var begun sync.WaitGroup
	for _, list := range served {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return err
		}
		for _, kind := range list.APIResources {
			verbs := strings.Join(kind.Verbs, " ") + " "
			if unwatched[kind.Name] || !strings.Contains(verbs, "list ") || !strings.Contains(verbs, "watch ") {
				continue
			}
			begun.Add(1)
			go follow(ctx, cluster.Resource(version.WithResource(kind.Name)), lines, &begun)
		}
	}
	go func() {
		begun.Wait()
		lines <- line{Type: "READY"}
	}()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for one := range lines {
		if one.Object == nil {
			fmt.Println(one.Type)
			continue
		}
		one.Object.SetManagedFields(nil)
		text, err := json.Marshal(one)
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	return nil
}

func follow(ctx context.Context, kind dynamic.NamespaceableResourceInterface, lines chan<- line, begun *sync.WaitGroup) {
	found, err := kind.List(ctx, metav1.ListOptions{})
	check(err)
	for i := range found.Items {
		lines <- line{Type: "THERE", Object: &found.Items[i]}
	}
	events, err := kind.Watch(ctx, metav1.ListOptions{ResourceVersion: found.GetResourceVersion()})
	check(err)
	begun.Done()
	for event := range events.ResultChan() {
		one, is := event.Object.(*unstructured.Unstructured)
		if !is || one.GetKind() == "Status" {
			check(fmt.Errorf("a watch broke off: %v", event.Object))
		}
		lines <- line{Type: string(event.Type), Object: one}
	}
	check(fmt.Errorf("a watch ended"))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fluxssa:", err)
		os.Exit(1)
	}
}
