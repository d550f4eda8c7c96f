//! The label and annotation keys with which we mark what is ours, and those of others that we read.

/// Value of `app.kubernetes.io/managed-by` on everything we write.
pub const MANAGER: &str = "gatewright";
/// Annotation: the document an object was written for, as `group/Kind/namespace/name`.
pub const SOURCE: &str = "gatewright.dev/source";
/// Annotation: hash of the object as we wrote it; a difference is somebody's edit.
pub const CONTENT_HASH: &str = "gatewright.dev/content-hash";
/// Annotation: `enforce`, `serve` or `support`.
pub const CLASS: &str = "gatewright.dev/class";
/// Annotation on a Notebook: what we added to it, and what stood there before. The word "notebook" in the key keeps the
/// notebook controller from copying it to the pod (`components/notebook-controller/controllers/notebook_controller.go`).
pub const INJECTED: &str = "gatewright.dev/notebook-injected";

/// Argo CD's order of waves.
pub const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
/// Asks OpenShift's service CA for a certificate, into the Secret named.
pub const SERVING_CERTIFICATE: &str = "service.beta.openshift.io/serving-cert-secret-name";
/// Argo CD's options of one object, separated by commas.
pub const ARGO_SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
/// Argo CD's phases of an object that is not synchronized with the others.
pub const ARGO_HOOK: &str = "argocd.argoproj.io/hook";
/// Label or annotation, `disabled`: Flux does not prune the object.
pub const FLUX_PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";
/// Label or annotation, `disabled`: Flux neither writes nor prunes the object.
pub const FLUX_RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// Label or annotation: whether Flux writes the object.
pub const FLUX_SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";
/// Annotations that keep a prune from removing an object: Flux, Argo CD, kpt live.
pub const NEVER_PRUNED: [(&str, &str); 3] = [
    (FLUX_PRUNE, "disabled"),
    (ARGO_SYNC_OPTIONS, "Prune=false"),
    ("client.lifecycle.config.k8s.io/deletion", "detach"),
];
/// How long OpenShift's router waits for an answer.
pub const ROUTE_TIMEOUT: &str = "haproxy.router.openshift.io/timeout";
/// Has OpenShift's router trust the service CA behind a Route.
pub const ROUTE_SERVICE_CA: &str = "router.openshift.io/service-ca-certificate";
/// ingress-nginx: what it speaks with what stands behind an Ingress.
pub const NGINX_PROTOCOL: &str = "nginx.ingress.kubernetes.io/backend-protocol";
/// ingress-nginx: passes TLS on as it is.
pub const NGINX_PASSTHROUGH: &str = "nginx.ingress.kubernetes.io/ssl-passthrough";
/// ingress-nginx: the Secret with the authority that signs what stands behind an Ingress.
pub const NGINX_AUTHORITY: &str = "nginx.ingress.kubernetes.io/proxy-ssl-secret";
/// ingress-nginx: whether it verifies what stands behind an Ingress.
pub const NGINX_VERIFY: &str = "nginx.ingress.kubernetes.io/proxy-ssl-verify";
/// ingress-nginx: the name that it verifies.
pub const NGINX_VERIFIED_NAME: &str = "nginx.ingress.kubernetes.io/proxy-ssl-name";
/// ingress-nginx: whether it asks for that name (SNI).
pub const NGINX_ASKS_BY_NAME: &str = "nginx.ingress.kubernetes.io/proxy-ssl-server-name";
/// The annotations of others that we write on generated objects.
pub const OWN_ANNOTATIONS: [&str; 14] = [
    NGINX_PROTOCOL,
    NGINX_PASSTHROUGH,
    NGINX_AUTHORITY,
    NGINX_VERIFY,
    NGINX_VERIFIED_NAME,
    NGINX_ASKS_BY_NAME,
    SYNC_WAVE,
    MANAGED,
    ROUTE_TIMEOUT,
    ROUTE_SERVICE_CA,
    SERVING_CERTIFICATE,
    NEVER_PRUNED[0].0,
    NEVER_PRUNED[1].0,
    NEVER_PRUNED[2].0,
];

/// Annotation: the switch, as Open Data Hub 3 spells it.
pub const INJECT_AUTH: &str = "notebooks.opendatahub.io/inject-auth";
/// Annotation: the switch, as Open Data Hub 2 and the design document spell it.
pub const INJECT_OAUTH: &str = "notebooks.opendatahub.io/inject-oauth";
/// Annotation: where Open Data Hub 2's proxy sent people who log out.
pub const OAUTH_LOGOUT_URL: &str = "notebooks.opendatahub.io/oauth-logout-url";
/// Annotation: who a Notebook belongs to, as TokenReview spells the name.
pub const OWNER: &str = "opendatahub.io/username";
/// Annotations: the sidecar's resources; cpu or memory, request or limit.
pub const SIDECAR_RESOURCES: [(&str, &str, &str); 4] = [
    (
        "cpu",
        "request",
        "notebooks.opendatahub.io/auth-sidecar-cpu-request",
    ),
    ("cpu", "limit", "notebooks.opendatahub.io/auth-sidecar-cpu-limit"),
    (
        "memory",
        "request",
        "notebooks.opendatahub.io/auth-sidecar-memory-request",
    ),
    (
        "memory",
        "limit",
        "notebooks.opendatahub.io/auth-sidecar-memory-limit",
    ),
];

/// Annotation on a Notebook: the guard's image that it is held at. The word "notebook" as in [`INJECTED`].
pub const GUARD_IMAGE: &str = "gatewright.dev/notebook-guard-image";
/// Annotation of the dashboard: the namespace of the image stream.
pub const IMAGE_NAMESPACE: &str = "opendatahub.io/workbench-image-namespace";
/// Annotation of Kubeflow: the path that its Istio route rewrites a Notebook's to.
pub const REWRITE: &str = "notebooks.kubeflow.org/http-rewrite-uri";
/// Annotation: stops a Notebook, whatever its value (opendatahub-io/kubeflow
/// `components/notebook-controller/controllers/culling_controller.go`).
pub const STOPPED: &str = "kubeflow-resource-stopped";
/// Annotation of Open Data Hub's webhook: a change that waits for a restart.
pub const UPDATE_PENDING: &str = "notebooks.opendatahub.io/update-pending";
/// Annotation of the culler: when somebody last worked in a Notebook.
pub const LAST_ACTIVITY: &str = "notebooks.kubeflow.org/last-activity";
/// Annotation of the culler: when it last asked.
pub const LAST_CHECK: &str = "notebooks.kubeflow.org/last_activity_check_timestamp";
/// Annotation of the dashboard: asks for a restart.
pub const RESTART: &str = "notebooks.opendatahub.io/notebook-restart";
/// Annotation of the dashboard: the image stream and tag that a Notebook's image is taken from.
pub const IMAGE_SELECTION: &str = "notebooks.opendatahub.io/last-image-selection";

/// Annotations under [`INJECT_AUTH`]'s prefix that others write: not to be taken for misspelled ones of ours
/// (opendatahub-io/odh-dashboard `frontend/src/api/k8s/notebooks.ts`, opendatahub-io/kubeflow).
pub const FOREIGN_ANNOTATIONS: [&str; 6] = [
    IMAGE_SELECTION,
    "notebooks.opendatahub.io/last-image-version-git-commit-selection",
    "notebooks.opendatahub.io/last-size-selection",
    RESTART,
    OAUTH_LOGOUT_URL,
    UPDATE_PENDING,
];

/// Label that the notebook controller puts on a Notebook's pods: the Notebook's name. A Notebook's own labels override it.
pub const NOTEBOOK_NAME: &str = "notebook-name";
/// Label that the notebook controller puts on a Notebook's pods and selects them by.
pub const STATEFUL_SET: &str = "statefulset";
/// Label that the notebook controller puts on every Notebook's pods.
pub const WORKBENCHES: &str = "opendatahub.io/workbenches";
/// Label on routes: the Notebook's namespace.
pub const NOTEBOOK_NAMESPACE: &str = "notebook-namespace";

/// Annotation by which Open Data Hub's operator leaves an object alone altogether
/// (opendatahub-io/odh-platform-utilities `framework/controller/actions/deploy`; recorded).
pub const MANAGED: &str = "opendatahub.io/managed";
/// Annotation on pods: what a person changes to have them started anew.
pub const SECRET_REVISION: &str = "gatewright.dev/secret-revision";
/// Label by which one of several Istios knows what is its own.
pub const ISTIO_REVISION: &str = "istio.io/rev";
/// Label that a workload's pods are selected by.
pub const APP: &str = "app";

/// Label that every namespace has.
pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Label of the pods behind a Gateway (Gateway API GEP-1762).
pub const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
/// Label of Envoy Gateway's proxy pods: the Gateway's name.
pub const ENVOY_GATEWAY_NAME: &str = "gateway.envoyproxy.io/owning-gateway-name";
/// Label of Envoy Gateway's proxy pods: the Gateway's namespace.
pub const ENVOY_GATEWAY_NAMESPACE: &str = "gateway.envoyproxy.io/owning-gateway-namespace";

/// Annotation: the switch of a Ray cluster, as Open Data Hub's operator spells it.
pub const RAY_SECURE: &str = "odh.ray.io/secure-trusted-network";
/// Annotation on what is changed in place, but a Notebook: what we added to it, and what stood there before.
pub const ADDED: &str = "gatewright.dev/added";
/// Label on the pods of a RayJob or RayService: which one. KubeRay makes the names of their clusters up.
pub const RAY_SOURCE: &str = "gatewright.dev/ray-source";
/// Label that KubeRay puts on its pods: the RayCluster's name (`ray-operator/controllers/ray/utils/constant.go`).
pub const RAY_CLUSTER: &str = "ray.io/cluster";
/// Label that KubeRay puts on its pods: `head` or `worker`.
pub const RAY_NODE_TYPE: &str = "ray.io/node-type";
/// Label that KubeRay puts on its pods: the name of their group.
pub const RAY_GROUP: &str = "ray.io/group";
/// Label that KubeRay puts on the pods that submit a job: the RayJob's name.
pub const RAY_ORIGINATED_FROM: &str = "ray.io/originated-from-cr-name";
/// Label that KubeRay puts on the pods that submit a job: the kind of what they are for.
pub const RAY_ORIGINATED_KIND: &str = "ray.io/originated-from-crd";
/// Label on routes by which the CodeFlare SDK finds them: the RayCluster's name.
pub const RAY_ROUTE_CLUSTER: &str = "ray.io/cluster-name";
/// Label on routes by which the CodeFlare SDK finds them: the RayCluster's namespace.
pub const RAY_ROUTE_NAMESPACE: &str = "ray.io/cluster-namespace";
/// Label by which the parts of an application are told apart (Kubernetes' recommended labels).
pub const COMPONENT: &str = "app.kubernetes.io/component";
