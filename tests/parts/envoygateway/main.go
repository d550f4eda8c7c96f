// Writes what Envoy Gateway would tell the Envoy of a gateway, as one JSON object:
//
//	envoygatewayconfig [SWITCH]... <manifests.yaml
//
// As `egctl experimental translate` does, of whose functions it is made; that says
// neither which secrets Envoy is told nor what became of an EnvoyPatchPolicy, and knows
// one set of switches alone. A SWITCH is a field of extensionApis in Envoy Gateway's
// configuration that is to be true: enableEnvoyPatchPolicy, enableLua.
//
// Other objects than those that concern a gateway are left out. What a cluster has and
// manifests do not is made where it is missing: Namespaces, addresses of Services, their
// EndpointSlices, certificates of listeners and of authorities.
//
// The answer: listeners, routes, clusters, endpoints and secrets as in Envoy's API; and
// statuses, each with kind, namespace, name and status of an object.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"time"

	cachetypes "github.com/envoyproxy/go-control-plane/pkg/cache/types"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/encoding/protojson"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwapiv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	egv1a1 "github.com/envoyproxy/gateway/api/v1alpha1"
	"github.com/envoyproxy/gateway/internal/gatewayapi"
	"github.com/envoyproxy/gateway/internal/gatewayapi/resource"
	"github.com/envoyproxy/gateway/internal/logging"
	"github.com/envoyproxy/gateway/internal/xds/translator"
)

func main() {
	settings := switches(os.Args[1:])
	text, err := io.ReadAll(os.Stdin)
	check(err)
	// It takes its own CRDs' word for what is valid, and fills their defaults in.
	objects, err := resource.LoadResourcesFromYAMLBytes([]byte(known(text)), false, nil)
	check(err)
	if objects.GatewayClass == nil {
		check(fmt.Errorf("no GatewayClass is among the manifests"))
	}
	slices(text, objects)
	surround(objects)

	ctx := context.Background()
	logger := logging.DefaultLogger(os.Stderr, egv1a1.LogLevelWarn)
	// The fields are set as in internal/gatewayapi/runner and internal/xds/runner.
	meant, err := (&gatewayapi.Translator{
		GatewayControllerName:           string(objects.GatewayClass.Spec.ControllerName),
		GatewayClassName:                gwapiv1.ObjectName(objects.GatewayClass.Name),
		ControllerNamespace:             controllerNamespace,
		EnvoyPatchPolicyEnabled:         settings.EnableEnvoyPatchPolicy,
		LuaEnvoyExtensionPolicyDisabled: settings.LuaDisabled(),
		Logger:                          logger,
	}).Translate(ctx, objects)
	check(err)
	answer := map[string][]json.RawMessage{}
	for _, intermediate := range meant.XdsIR {
		told, err := (&translator.Translator{
			ControllerNamespace: controllerNamespace,
			FilterOrder:         intermediate.FilterOrder,
			Logger:              logger,
		}).Translate(ctx, intermediate)
		check(err)
		for name, kind := range map[string]string{
			"listeners": resourcev3.ListenerType,
			"routes":    resourcev3.RouteType,
			"clusters":  resourcev3.ClusterType,
			"endpoints": resourcev3.EndpointType,
			"secrets":   resourcev3.SecretType,
		} {
			for _, message := range told.XdsResources[kind] {
				answer[name] = append(answer[name], encode(message))
			}
		}
	}
	// Last, for patches are judged when all else is done.
	answer["statuses"] = statuses(&meant.Resources)
	check(json.NewEncoder(os.Stdout).Encode(answer))
}

// controllerNamespace is where Envoy Gateway and its Envoys run unless it is told otherwise.
const controllerNamespace = "envoy-gateway-system"

func switches(names []string) *egv1a1.ExtensionAPISettings {
	fields := map[string]bool{}
	for _, name := range names {
		fields[name] = true
	}
	text, err := yaml.Marshal(fields)
	check(err)
	settings := &egv1a1.ExtensionAPISettings{}
	check(yaml.UnmarshalStrict(text, settings))
	return settings
}

// head is what tells an object from others.
type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// kinds are those that concern a gateway, each with how its group begins.
var kinds = map[string]string{
	"GatewayClass": "gateway.networking.k8s.io/", "Gateway": "gateway.networking.k8s.io/",
	"HTTPRoute": "gateway.networking.k8s.io/", "ReferenceGrant": "gateway.networking.k8s.io/",
	"BackendTLSPolicy": "gateway.networking.k8s.io/",
	"EnvoyProxy":       "gateway.envoyproxy.io/", "SecurityPolicy": "gateway.envoyproxy.io/",
	"ClientTrafficPolicy": "gateway.envoyproxy.io/", "BackendTrafficPolicy": "gateway.envoyproxy.io/",
	"EnvoyExtensionPolicy": "gateway.envoyproxy.io/", "EnvoyPatchPolicy": "gateway.envoyproxy.io/",
	"Namespace": "v1", "Service": "v1", "ConfigMap": "v1", "Secret": "v1",
}

func documents(text []byte) []string {
	return strings.Split("\n"+string(text), "\n---")
}

func known(text []byte) string {
	var taken []string
	for _, document := range documents(text) {
		var head head
		check(yaml.Unmarshal([]byte(document), &head))
		if begin, ok := kinds[head.Kind]; ok && strings.HasPrefix(head.APIVersion, begin) {
			taken = append(taken, document)
		}
	}
	return strings.Join(taken, "\n---\n")
}

// slices takes the EndpointSlices, which egctl's reader does not know.
func slices(text []byte, objects *resource.Resources) {
	for _, document := range documents(text) {
		var head head
		check(yaml.Unmarshal([]byte(document), &head))
		if head.Kind != "EndpointSlice" {
			continue
		}
		slice := &discoveryv1.EndpointSlice{}
		check(yaml.Unmarshal([]byte(document), slice))
		objects.EndpointSlices = append(objects.EndpointSlices, slice)
	}
}

// surround adds what a cluster has and manifests do not.
func surround(objects *resource.Resources) {
	// The reader takes every EnvoyProxy for the class's.
	if proxy := objects.EnvoyProxyForGatewayClass; proxy != nil && objects.GatewayClass.Spec.ParametersRef == nil {
		objects.EnvoyProxiesForGateways = append(objects.EnvoyProxiesForGateways, proxy)
		objects.EnvoyProxyForGatewayClass = nil
	}
	for _, namespace := range objects.Namespaces {
		namespace.Labels = map[string]string{corev1.LabelMetadataName: namespace.Name}
	}
	for number, service := range objects.Services {
		if service.Spec.ClusterIP == "" {
			service.Spec.ClusterIP = fmt.Sprintf("10.96.%d.%d", number/250, number%250+1)
		}
		if !hasSlice(objects, service) {
			objects.EndpointSlices = append(objects.EndpointSlices, slice(service, number))
		}
	}
	// Envoy Gateway's installation makes it.
	addSecret(objects, controllerNamespace, "envoy")
	for _, gateway := range objects.Gateways {
		for _, listener := range gateway.Spec.Listeners {
			if listener.TLS == nil {
				continue
			}
			for _, reference := range listener.TLS.CertificateRefs {
				addSecret(objects, gateway.Namespace, string(reference.Name))
			}
		}
	}
	for _, policy := range objects.BackendTLSPolicies {
		for _, reference := range policy.Spec.Validation.CACertificateRefs {
			addAuthority(objects, policy.Namespace, string(reference.Name))
		}
	}
}

func hasSlice(objects *resource.Resources, service *corev1.Service) bool {
	for _, slice := range objects.EndpointSlices {
		if slice.Namespace == service.Namespace && slice.Labels[discoveryv1.LabelServiceName] == service.Name {
			return true
		}
	}
	return false
}

// slice is where one pod of a Service answers.
func slice(service *corev1.Service, number int) *discoveryv1.EndpointSlice {
	ready := true
	made := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name:      service.Name,
			Namespace: service.Namespace,
			Labels:    map[string]string{discoveryv1.LabelServiceName: service.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses:  []string{fmt.Sprintf("10.244.%d.%d", number/250, number%250+1)},
			Conditions: discoveryv1.EndpointConditions{Ready: &ready},
		}},
	}
	for _, port := range service.Spec.Ports {
		target := port.TargetPort.IntVal
		if target == 0 {
			target = port.Port
		}
		protocol := corev1.ProtocolTCP
		made.Ports = append(made.Ports, discoveryv1.EndpointPort{Name: &port.Name, Port: &target, Protocol: &protocol})
	}
	return made
}

func addSecret(objects *resource.Resources, namespace, name string) {
	for _, secret := range objects.Secrets {
		if secret.Namespace == namespace && secret.Name == name {
			return
		}
	}
	signed, key := signed()
	objects.Secrets = append(objects.Secrets, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: signed, corev1.TLSPrivateKeyKey: key},
	})
}

func addAuthority(objects *resource.Resources, namespace, name string) {
	for _, there := range objects.ConfigMaps {
		if there.Namespace == namespace && there.Name == name {
			return
		}
	}
	signed, _ := signed()
	objects.ConfigMaps = append(objects.ConfigMaps, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Data:       map[string]string{"ca.crt": string(signed)},
	})
}

// signed makes a certificate that signs itself, and its key.
func signed() (certificate, private []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"*.example.com"},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// statuses are what Envoy Gateway says of each object.
func statuses(objects *resource.Resources) []json.RawMessage {
	text, err := json.Marshal(objects)
	check(err)
	var lists map[string]json.RawMessage
	check(json.Unmarshal(text, &lists))
	var found []json.RawMessage
	for _, list := range lists {
		var members []struct {
			head     `json:",inline"`
			Metadata struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
			Status json.RawMessage `json:"status"`
		}
		if json.Unmarshal(list, &members) != nil {
			continue // a single object
		}
		for _, member := range members {
			if member.Status == nil {
				continue
			}
			said, err := json.Marshal(map[string]any{
				"kind": member.Kind, "namespace": member.Metadata.Namespace, "name": member.Metadata.Name,
				"status": member.Status,
			})
			check(err)
			found = append(found, said)
		}
	}
	return found
}

func encode(message cachetypes.Resource) json.RawMessage {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	check(err)
	return text
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "envoygatewayconfig:", err)
		os.Exit(1)
	}
}
