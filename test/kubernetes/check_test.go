package kubernetes_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/kubernetes"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// checkCase is a cluster before a rollout, and what preflight says of it.
type checkCase struct {
	name     string
	roles    []string // files of deploy/kubernetes/rbac; none: the admin
	without  string   // RESOURCE/VERB that the roles lose
	live     []string
	manifest []string
	work     func(*activities.Work)
	want     []string // each problem begins with one, in this order
}

// The parts of a canary by the Gateway API, all in block style so that tests change lines.
const (
	shopDeployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      containers: [{name: app, image: "serin.test/app:v1"}]
`
	shopService = `apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: {app: shop}
  ports: [{port: 80, targetPort: 8080}]
`
	shopRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  parentRefs: [{name: shop}]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
`
	shopIngress = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
spec:
  ingressClassName: nginx
  rules: [{host: shop.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}}]
`
	shopScaler = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: shop
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  minReplicas: 2
  maxReplicas: 5
`
)

const widgetDefinition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`

// canaryPart is the canary of a part, as it is rendered.
func canaryPart(part string) string {
	part = strings.ReplaceAll(part, "  replicas: 2\n", "")
	return strings.NewReplacer("name: shop\n", "name: shop-canary\n", "app: shop", "app: shop-canary").Replace(part)
}

func lineOf(part, line, want string) string {
	if !strings.Contains(part, line) {
		panic(line + " is not in " + part)
	}
	return strings.Replace(part, line, want, 1)
}

func stamped(part, pipeline string) string {
	return lineOf(part, "  name: shop\n", "  name: shop\n  annotations: {serin.dev/pipeline: "+pipeline+", serin.dev/rollout: v9-to-prod-0003}\n")
}

func serving() []string { return []string{shopDeployment, shopService, shopRoute} }

func canary() []string { return []string{canaryPart(shopDeployment), canaryPart(shopService)} }

func byIngress(w *activities.Work) {
	w.Kubernetes.Gateway, w.Kubernetes.Ingress = nil, &rollout.Ingress{Name: "shop", Prefix: "nginx.ingress.kubernetes.io"}
}

func byPods(w *activities.Work) { w.Kubernetes.Gateway, w.Kubernetes.Pods = nil, &rollout.Pods{} }

func standard(w *activities.Work) { w.Kubernetes = nil }

// soundCases have no problem, and the roles that are shipped are enough for them.
func soundCases() []checkCase {
	gateway := []string{"gateway"}
	return []checkCase{
		{name: "nothing is there", roles: gateway, manifest: canary()},
		{name: "an original serves", roles: gateway, live: serving(), manifest: canary()},
		{name: "by ingress", roles: []string{"ingress"}, live: []string{shopDeployment, shopService, shopIngress}, manifest: canary(), work: byIngress},
		{
			name: "by pods", roles: []string{"pods"}, live: []string{shopDeployment, shopService}, work: byPods,
			manifest: []string{strings.ReplaceAll(canaryPart(shopDeployment), "{app: shop-canary}", "{app: shop, serin.dev/track: canary}")},
		},
		{name: "without a canary", roles: []string{"manifests"}, manifest: serving(), work: standard},
		{
			name: "a kind that the manifest defines", work: standard,
			manifest: []string{widgetDefinition, "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: blue\n"},
		},
	}
}

// liveCases are about what is in the cluster already.
func liveCases() []checkCase {
	return []checkCase{
		{
			name: "an original without service and route", live: []string{shopDeployment}, manifest: canary(), want: []string{
				"HTTPRoute/shop: it does not exist in NAMESPACE, and a canary phase does not make it: apply it first (MISSING_RESOURCES_FOR_CANARY)",
				"Service/shop: it does not exist in NAMESPACE, and a canary phase does not make it: apply it first (MISSING_RESOURCES_FOR_CANARY)",
			},
		},
		{
			name: "objects of another pipeline", live: []string{stamped(shopDeployment, "cart"), shopService, stamped(shopRoute, "cart")}, manifest: canary(), want: []string{
				"Deployment/shop: it belongs to pipeline cart, whose rollout v9-to-prod-0003 wrote it last: rename it in one of both",
				"HTTPRoute/shop: it belongs to pipeline cart",
			},
		},
		{
			name: "a service that would select the canary",
			live: []string{
				lineOf(shopDeployment, "labels: {app: shop}", "labels: {app: shop, tier: web}"), lineOf(shopService, "{app: shop}", "{tier: web}"), shopRoute,
			},
			manifest: []string{canaryPart(lineOf(shopDeployment, "labels: {app: shop}", "labels: {app: shop, tier: web}")), canaryPart(shopService)},
			want: []string{
				"Service/shop: it selects tier=web, which the pods of deployment shop-canary have too: add the label app to its selector",
			},
		},
		{
			name: "a service that selects nothing", manifest: canary(),
			live: []string{shopDeployment, lineOf(shopService, "{app: shop}", "{app: cart}"), shopRoute}, want: []string{
				"Service/shop: it selects app=cart, but the pods of deployment shop have app=shop: give it labels that they have",
			},
		},
		{
			name: "a paused original without pods, and two autoscalers", manifest: canary(),
			live: []string{
				lineOf(shopDeployment, "  replicas: 2\n", "  replicas: 0\n  paused: true\n"), shopService, shopRoute, shopScaler,
				lineOf(shopScaler, "  name: shop\n", "  name: keda-hpa-shop\n  labels: {scaledobject.keda.sh/name: shop}\n"),
			},
			want: []string{
				"Deployment/shop: it is paused, so its pods would never change: kubectl rollout resume -n NAMESPACE deployment/shop",
				"Deployment/shop: it is scaled to 0, so nothing serves beside a canary: kubectl scale -n NAMESPACE deployment/shop --replicas=1",
				"HorizontalPodAutoscaler/keda-hpa-shop: 2 autoscalers scale deployment shop",
				"HorizontalPodAutoscaler/keda-hpa-shop: KEDA's ScaledObject shop owns it",
				"HorizontalPodAutoscaler/shop: 2 autoscalers scale deployment shop",
			},
		},
		{
			name: "a recorded stable revision that does not run", live: serving(), manifest: canary(),
			work: func(w *activities.Work) { w.Stable = "shop-0123456789" },
			want: []string{"Deployment/shop: it runs revision shop-"},
		},
	}
}

// refusedCases are about what the API server would not do.
func refusedCases() []checkCase {
	return []checkCase{
		{
			name: "a permission was taken away", roles: []string{"gateway"}, without: "deployments/patch", live: serving(), manifest: canary(), want: []string{
				"Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not patch deployments.apps shop, shop-canary: " +
					"grant it by a Role in NAMESPACE with apiGroups [apps], resources [deployments], verbs [patch]",
			},
		},
		{
			name: "nothing may be read", roles: []string{"none"}, live: serving(), manifest: canary(), want: []string{
				`Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not create, delete, list, patch and watch services shop-canary: grant it by a Role in NAMESPACE with apiGroups [""], resources [services]`,
				"Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not create, list, patch and watch deployments.apps shop, shop-canary: ",
				"Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not create, list, patch and watch services shop: ",
				"Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not list and watch endpointslices.discovery.k8s.io: ",
				"Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not list and watch horizontalpodautoscalers.autoscaling: ",
				"Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not list and watch pods: ",
				"Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not list and watch replicasets.apps: ",
				"Namespace/NAMESPACE: system:serviceaccount:NAMESPACE:worker may not list, patch and watch httproutes.gateway.networking.k8s.io shop: ",
			},
		},
		{
			name: "kinds that the cluster does not have", work: standard,
			manifest: []string{shopDeployment, "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: blue\n"},
			want:     []string{"Widget/blue: the cluster has no kind Widget in example.com/v1: install what defines it, or use a version that it has"},
		},
		{
			name: "what the API server refuses", work: standard,
			live: []string{shopDeployment, "apiVersion: v1\nkind: ResourceQuota\nmetadata:\n  name: none\nspec: {hard: {count/configmaps: 0}}\n"},
			manifest: []string{
				lineOf(lineOf(shopDeployment, "matchLabels: {app: shop}", "matchLabels: {app: cart}"), "labels: {app: shop}", "labels: {app: cart}"),
				lineOf(shopService, "targetPort: 8080", "targetPort: 8080, color: blue"),
				"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n",
			},
			want: []string{
				`ConfigMap/settings: the API server refuses it: configmaps "settings" is forbidden: exceeded quota: none`,
				`Deployment/shop: the API server refuses it: Deployment.apps "shop" is invalid: spec.selector: Invalid value`,
				"Service/shop: the API server refuses it: failed to create typed patch object",
			},
		},
		{
			name: "what is in no namespace", roles: []string{"manifests"}, work: standard,
			manifest: []string{shopService, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: shop\nrules: []\n"},
			want: []string{
				"Cluster: system:serviceaccount:NAMESPACE:worker may not create, list, patch and watch clusterroles.rbac.authorization.k8s.io shop: grant it by a ClusterRole",
			},
		},
		{
			name: "a namespace that does not exist", manifest: []string{shopService},
			work: func(w *activities.Work) { w.Kubernetes, w.Target.Cluster.Namespace = nil, "nowhere" },
			want: []string{`Service/shop: the API server refuses it: namespaces "nowhere" not found`},
		},
		{
			name: "a route that may not name the canary", manifest: canary(),
			live: []string{shopDeployment, shopService, lineOf(shopRoute, "name: shop, port", "name: shop, namespace: NAMESPACE, port")},
			work: func(w *activities.Work) {
				w.Kubernetes.Gateway.Routes[0].Namespace = w.Target.Cluster.Namespace
				w.Target.Cluster.Namespace = "default"
				w.Kubernetes.Namespace = "default"
			},
			want: []string{
				"HTTPRoute/shop in NAMESPACE: no ReferenceGrant in namespace default lets a HTTPRoute of namespace NAMESPACE name service shop-canary",
				"HTTPRoute/shop in NAMESPACE: no rule sends anything to service shop of namespace default",
			},
		},
		{
			name: "an ingress without a class, and a canary of others", manifest: canary(), work: byIngress,
			live: []string{
				shopDeployment, shopService, lineOf(shopIngress, "  ingressClassName: nginx\n", ""),
				lineOf(shopIngress, "  name: shop\n", "  name: beta\n  annotations: {nginx.ingress.kubernetes.io/canary: \"true\"}\n"),
			},
			want: []string{
				"Ingress/beta: it is a canary for shop.test/ already",
				"Ingress/shop: it has no class",
			},
		},
	}
}

func TestPreflightOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for _, row := range slices.Concat(soundCases(), liveCases(), refusedCases()) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			namespace := "check-" + strings.Map(func(r rune) rune {
				if r >= 'a' && r <= 'z' {
					return r
				}
				return '-'
			}, row.name)
			if len(namespace) > 60 {
				namespace = namespace[:60]
			}
			row.run(t, c, namespace)
		})
	}
}

func (row checkCase) run(t *testing.T, c *kube.Cluster, namespace string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Apply(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+namespace+"}}"))
	for _, part := range row.live {
		part = strings.ReplaceAll(part, "NAMESPACE", namespace)
		must(c.Apply(ctx, strings.Replace(part, "metadata:\n", "metadata:\n  namespace: "+namespace+"\n", 1)))
	}
	kubeconfig := c.Kubeconfig
	if len(row.roles) > 0 {
		kubeconfig = row.worker(t, c, namespace)
	}
	artifacts := &fake.Artifacts{}
	digest, err := artifacts.Put(ctx, []byte(strings.Join(row.manifest, "---\n")))
	must(err)
	p := kubernetes.New(artifacts, kubernetes.Options{})
	defer p.Close()
	w := activities.Work{
		Rollout: "v2-to-prod-0001", Pipeline: "shop", Release: "v2", Digest: "sha256:" + strings.Repeat("2", 64), Phase: "canary-25", Manifest: digest,
		Target: rollout.Target{
			Name: "prod", Runtime: rollout.RuntimeKubernetes, Cluster: &rollout.Cluster{Kubeconfig: kubeconfig, Namespace: namespace},
		},
		Kubernetes: &rollout.Kubernetes{
			Deployment: "shop", Service: "shop", SelectorLabel: "app",
			Gateway: &rollout.Gateway{Routes: []rollout.Route{{Kind: rollout.KindHTTPRoute, Name: "shop"}}},
		},
	}
	if row.work != nil {
		row.work(&w)
	}
	before := versions(ctx, t, c, namespace)
	got, err := p.Check(ctx, w)
	must(err)
	for i, problem := range got {
		if i >= len(row.want) || !strings.HasPrefix(problem.String(), strings.ReplaceAll(row.want[i], "NAMESPACE", namespace)) {
			t.Errorf("problem %d: %s", i, problem)
		}
	}
	if len(got) < len(row.want) {
		t.Errorf("%d problems, want %d: %q", len(got), len(row.want), row.want)
	}
	if after := versions(ctx, t, c, namespace); after != before {
		t.Errorf("preflight has written: %s, before it %s", after, before)
	}
}

// versions tells which objects the namespace has. What controllers write changes none.
func versions(ctx context.Context, t *testing.T, c *kube.Cluster, namespace string) string {
	t.Helper()
	var names []string
	services, err := c.Client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range services.Items {
		names = append(names, "service "+o.Name+" "+o.ResourceVersion)
	}
	deployments, err := c.Client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range deployments.Items {
		names = append(names, "deployment "+o.Name)
	}
	return strings.Join(names, ", ")
}

// worker makes a service account with the row's roles, and returns its kubeconfig.
func (row checkCase) worker(t *testing.T, c *kube.Cluster, namespace string) string {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}
	_, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{})
	must(err)
	for _, role := range row.granted(t) {
		_, err = c.Client.RbacV1().Roles(namespace).Create(ctx, &role, metav1.CreateOptions{})
		must(err)
		_, err = c.Client.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "worker", Namespace: namespace}},
		}, metav1.CreateOptions{})
		must(err)
	}
	token, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "worker", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	must(err)
	config, err := clientcmd.LoadFromFile(c.Kubeconfig)
	must(err)
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(clientcmd.WriteToFile(*config, path))
	return path
}

// granted reads the row's roles, and takes a verb out of them.
func (row checkCase) granted(t *testing.T) []rbacv1.Role {
	t.Helper()
	var out []rbacv1.Role
	for _, file := range row.roles {
		if file == "none" {
			continue
		}
		content, err := os.ReadFile(filepath.Join("..", "..", "deploy", "kubernetes", "rbac", file+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range strings.Split(string(content), "\n---\n") {
			var role rbacv1.Role
			if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
				t.Fatal(err)
			}
			resource, verb, _ := strings.Cut(row.without, "/")
			for i, rule := range role.Rules {
				if row.without == "" || strings.Join(rule.Resources, ",") != resource {
					continue
				}
				var kept []string
				for _, v := range rule.Verbs {
					if v != verb {
						kept = append(kept, v)
					}
				}
				role.Rules[i].Verbs = kept
			}
			out = append(out, role)
		}
	}
	return out
}
