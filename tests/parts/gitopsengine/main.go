// Syncs as Argo CD does:
//
//	gitopsengine KUBECONFIG APPLICATION <manifests.yaml
//
// One operation of an Application of that name: prune on, server-side apply, resources
// known by Argo CD's tracking annotation. The engine is Argo CD's own; its loop here is
// that of Argo CD's controller, which makes a new sync context from what is live before
// each step (the engine's own Sync never sees what it has created, and so never ends a
// wave).
//
// What controllers would do is done here, for none runs: everything is healthy as soon as
// it is applied, and the garbage collector's finalizer comes off what is deleted.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	tracking = "argocd.argoproj.io/tracking-id"
	revision = "0000000"
	// The namespace that an Application names for objects without one.
	destination = "default"
	// Argo CD waits two seconds after a wave, for others to see what it did.
	breath   = 200 * time.Millisecond
	patience = 2 * time.Minute
)

type healthy struct{}

func (healthy) GetResourceHealth(*unstructured.Unstructured) (*health.HealthStatus, error) {
	return &health.HealthStatus{Status: health.HealthStatusHealthy}, nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gitopsengine KUBECONFIG APPLICATION <manifests.yaml")
		os.Exit(2)
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	config.QPS = -1
	text, err := io.ReadAll(os.Stdin)
	check(err)
	objects, err := kube.SplitYAML(text)
	check(err)
	check(operate(config, os.Args[2], objects))
}

func operate(config *rest.Config, application string, objects []*unstructured.Unstructured) error {
	mark := func(key kube.ResourceKey) string {
		return fmt.Sprintf("%s:%s/%s:%s/%s", application, key.Group, key.Kind, key.Namespace, key.Name)
	}
	for _, one := range objects {
		annotations := one.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[tracking] = mark(kube.GetResourceKey(one))
		one.SetAnnotations(annotations)
	}
	live := cache.NewClusterCache(config, cache.SetLogr(logr.Discard()), cache.SetPopulateResourceInfoHandler(
		func(one *unstructured.Unstructured, _ bool) (any, bool) {
			mark := one.GetAnnotations()[tracking]
			return mark, mark != ""
		}))
	if err := live.EnsureSynced(); err != nil {
		return err
	}
	isManaged := func(resource *cache.Resource) bool { return resource.Info == mark(resource.ResourceKey()) }
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}

	phase, message, started := common.OperationRunning, "", metav1.Now()
	var results []common.ResourceSyncResult
	for time.Since(started.Time) < patience {
		managed, err := live.GetManagedLiveObjs(objects, isManaged)
		if err != nil {
			return err
		}
		if err := collect(config, managed); err != nil {
			return err
		}
		step, done, err := sync.NewSyncContext(revision, sync.Reconcile(objects, managed, destination, live), config, config,
			kubectl, destination, live.GetOpenAPISchema(),
			sync.WithLogr(logr.Discard()),
			sync.WithInitialState(phase, message, results, started),
			sync.WithHealthOverride(healthy{}),
			sync.WithPrune(true),
			sync.WithServerSideApply(true),
			sync.WithServerSideApplyManager("argocd-controller"),
			sync.WithSyncWaveHook(func(common.SyncPhase, int, bool) error {
				time.Sleep(breath)
				return nil
			}))
		if err != nil {
			return err
		}
		step.Sync()
		done()
		phase, message, results = step.GetState()
		if phase.Completed() {
			break
		}
		time.Sleep(breath / 3)
	}
	if phase != common.OperationSucceeded {
		for _, result := range results {
			if result.Status == common.ResultCodeSyncFailed {
				fmt.Fprintln(os.Stderr, result.ResourceKey, result.Message)
			}
		}
		return fmt.Errorf("%s: %s", phase, message)
	}
	// What the last wave deleted.
	for time.Since(started.Time) < patience {
		managed, err := live.GetManagedLiveObjs(nil, isManaged)
		if err != nil {
			return err
		}
		if err := collect(config, managed); err != nil {
			return err
		}
		ending := false
		for _, one := range managed {
			ending = ending || one.GetDeletionTimestamp() != nil
		}
		time.Sleep(breath)
		if !ending {
			return nil
		}
	}
	return fmt.Errorf("something deleted never went")
}

// Plays the garbage collector for objects that own nothing.
func collect(config *rest.Config, managed map[kube.ResourceKey]*unstructured.Unstructured) error {
	known := discovery.NewDiscoveryClientForConfigOrDie(config)
	client := dynamic.NewForConfigOrDie(config)
	for _, one := range managed {
		var kept []string
		found := false
		for _, finalizer := range one.GetFinalizers() {
			if finalizer == metav1.FinalizerDeleteDependents {
				found = true
			} else {
				kept = append(kept, finalizer)
			}
		}
		if one.GetDeletionTimestamp() == nil || !found {
			continue
		}
		kind := one.GroupVersionKind()
		served, err := kube.ServerResourceForGroupVersionKind(known, kind, "patch")
		if err != nil {
			return err
		}
		resource := kube.ToResourceInterface(client, served, kube.ToGroupVersionResource(kind.GroupVersion().String(), served), one.GetNamespace())
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": kept}})
		if err != nil {
			return err
		}
		// One that has gone meanwhile is what is wanted.
		_, _ = resource.Patch(context.Background(), one.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
	}
	return nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gitopsengine:", err)
		os.Exit(1)
	}
}
