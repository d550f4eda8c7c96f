// The CustomResourceDefinitions that the API server gets in tests: tests/parts/install
// copies them out of these modules. No Go code uses them, so `go mod tidy` would take
// them away; go.sum holds their own lines and nothing of what they depend on.
module gatewright.dev/tests/parts/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.19.0
	github.com/envoyproxy/gateway v1.9.1
	github.com/external-secrets/external-secrets v1.3.2
	github.com/openshift/api v0.0.0-20250602203052-b29811a290c7
	github.com/ray-project/kuberay/ray-operator v1.6.2
	istio.io/api v1.28.0
	sigs.k8s.io/gateway-api v1.4.0
)
