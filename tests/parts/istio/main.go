// Writes what istiod would tell the Envoy of a gateway, as one JSON object:
//
//	istioconfig OUTPUT NAMESPACE LABEL=VALUE... <manifests.yaml
//
// (To a file, for Istio's libraries log to standard output.)
// Kinds of Istio's own groups go in as its configuration, everything else as objects of
// the cluster. EnvoyFilters are applied, as istiod does it. In the environment,
// PILOT_GATEWAY_API_CONTROLLER_NAME names the controller of the GatewayClasses to take,
// and ISTIO_VERSION the version of the gateway's proxy, 1.28.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/schema/gvr"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient/clienttest"
	"istio.io/istio/pkg/test"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: istioconfig OUTPUT NAMESPACE LABEL=VALUE...")
		os.Exit(2)
	}
	namespace := os.Args[2]
	labels := map[string]string{}
	for _, pair := range os.Args[3:] {
		name, value, _ := strings.Cut(pair, "=")
		labels[name] = value
	}
	text, err := io.ReadAll(os.Stdin)
	check(err)
	configs, objects := split(text)
	objects = append(objects, surroundings(objects)...)
	answer := map[string][]json.RawMessage{}
	check(test.Wrap(func(t test.Failer) {
		server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
			KubernetesObjectString: strings.Join(objects, "\n---\n"),
			ConfigString:           strings.Join(configs, "\n---\n"),
			// Istio looks at a kind when its CRD is there.
			KubeClientModifier: func(client kube.Client) {
				clienttest.MakeCRDWithAnnotations(t, client, gvr.BackendTLSPolicy, map[string]string{
					"gateway.networking.k8s.io/bundle-version": "v1.4.0",
				})
			},
		})
		proxy := server.SetupProxy(&model.Proxy{
			Type:            model.Router,
			ConfigNamespace: namespace,
			Labels:          labels,
			Metadata: &model.NodeMetadata{
				Namespace:    namespace,
				Labels:       labels,
				IstioVersion: os.Getenv("ISTIO_VERSION") + ".0",
			},
		})
		for _, listener := range server.Listeners(proxy) {
			answer["listeners"] = append(answer["listeners"], encode(listener))
		}
		for _, routes := range server.Routes(proxy) {
			answer["routes"] = append(answer["routes"], encode(routes))
		}
		for _, cluster := range server.Clusters(proxy) {
			answer["clusters"] = append(answer["clusters"], encode(cluster))
		}
	}))
	encoded, err := json.Marshal(answer)
	check(err)
	check(os.WriteFile(os.Args[1], encoded, 0o644))
}

// known are the kinds that concern a gateway; Istio's fake of a cluster knows few more.
var known = map[string]bool{
	"GatewayClass": true, "Gateway": true, "HTTPRoute": true, "ReferenceGrant": true, "BackendTLSPolicy": true,
	"Service": true, "ConfigMap": true, "EnvoyFilter": true, "DestinationRule": true,
}

// split tells Istio's configuration from objects of the cluster.
func split(text []byte) (configs, objects []string) {
	for _, document := range bytes.Split(text, []byte("\n---")) {
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		check(yaml.Unmarshal(document, &head))
		switch {
		case head.APIVersion == "" || !known[head.Kind]:
		case strings.Contains(strings.Split(head.APIVersion, "/")[0], "istio.io"):
			configs = append(configs, string(document))
		default:
			objects = append(objects, string(document))
		}
	}
	return configs, objects
}

// surroundings are the objects that a cluster has and manifests do not: Namespaces, the
// certificates of listeners, and the Service that a Gateway's controller makes for it.
func surroundings(objects []string) []string {
	var made []string
	namespaces := map[string]bool{}
	authorities := map[string]bool{}
	for _, text := range objects {
		var object struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
			Spec struct {
				GatewayClassName string `json:"gatewayClassName"`
				Validation       struct {
					CACertificateRefs []struct {
						Name string `json:"name"`
					} `json:"caCertificateRefs"`
				} `json:"validation"`
				Listeners []struct {
					TLS struct {
						CertificateRefs []struct {
							Name string `json:"name"`
						} `json:"certificateRefs"`
					} `json:"tls"`
				} `json:"listeners"`
			} `json:"spec"`
		}
		check(yaml.Unmarshal([]byte(text), &object))
		if object.Metadata.Namespace != "" {
			namespaces[object.Metadata.Namespace] = true
		}
		for _, reference := range object.Spec.Validation.CACertificateRefs {
			if id := object.Metadata.Namespace + "/" + reference.Name; !authorities[id] {
				authorities[id] = true
				made = append(made, authority(reference.Name, object.Metadata.Namespace))
			}
		}
		if object.Kind != "Gateway" {
			continue
		}
		name, namespace := object.Metadata.Name, object.Metadata.Namespace
		made = append(made, fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[1]s-%[2]s, namespace: %[3]s, labels: {gateway.networking.k8s.io/gateway-name: %[1]s}}
spec:
  clusterIP: 10.9.9.9
  selector: {gateway.networking.k8s.io/gateway-name: %[1]s}
  ports: [{name: https, port: 443, targetPort: 443, protocol: TCP}]`, name, object.Spec.GatewayClassName, namespace))
		secrets := map[string]bool{}
		for _, listener := range object.Spec.Listeners {
			for _, reference := range listener.TLS.CertificateRefs {
				if !secrets[reference.Name] {
					secrets[reference.Name] = true
					made = append(made, certificate(reference.Name, namespace))
				}
			}
		}
	}
	for namespace := range namespaces {
		made = append(made, fmt.Sprintf(
			"apiVersion: v1\nkind: Namespace\nmetadata: {name: %[1]s, labels: {kubernetes.io/metadata.name: %[1]s}}", namespace))
	}
	return made
}

// authority is a ConfigMap with a certificate.
func authority(name, namespace string) string {
	signed, _ := signed()
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: %s}\ndata: {ca.crt: %q}",
		name, namespace, signed)
}

// certificate is a Secret with a certificate that signs itself.
func certificate(name, namespace string) string {
	signed, key := signed()
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: %s, namespace: %s}\ndata: {tls.crt: %s, tls.key: %s}",
		name, namespace, base64.StdEncoding.EncodeToString(signed), base64.StdEncoding.EncodeToString(key))
}

// signed makes a certificate that signs itself, and its key.
func signed() (certificate, private []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

func encode(message proto.Message) json.RawMessage {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	check(err)
	return text
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "istioconfig:", err)
		os.Exit(1)
	}
}
