package traffic_test

import "fmt"

// service is the only one in each namespace; its gateway, route and deployment have its name.
const service = "shop"

// app is a Deployment of four pods that serve, and its Service.
func app(image string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 4
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      terminationGracePeriodSeconds: 20
      containers:
        - name: app
          image: serin.test/app:%s
          env:
            - {name: PRESTOP, value: 1s}
          ports:
            - containerPort: 8080
          readinessProbe:
            httpGet: {path: /healthz, port: 8080}
            periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: {app: shop}
  ports:
    - {name: http, port: 80, targetPort: 8080}
`, image)
}

// route sends the namespace's host to the Service.
func route(namespace string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
  namespace: %[1]s
spec:
  parentRefs:
    - name: shop
  hostnames: [%[1]s.test]
  rules:
    - filters:
        - type: RequestHeaderModifier
          requestHeaderModifier: {set: [{name: X-Foreign, value: "kept"}]}
      backendRefs:
        - {name: shop, port: 80}
`, namespace)
}

// manifestFiles are the source of a release of the version.
func manifestFiles(namespace, version string) map[string]string {
	return map[string]string{"app.yaml": app(version), "route.yaml": route(namespace)}
}

// ingress sends a host to the Service, by the controller that reads annotations.
func ingress(host string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
spec:
  ingressClassName: nginx
  rules:
    - host: %s
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: shop
                port: {number: 80}
`, host)
}

// place is what the platform team has made: the namespace and its gateway.
func place(namespace string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata:
  name: %[1]s
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: shop
  namespace: %[1]s
spec:
  gatewayClassName: serin
  listeners:
    - {name: http, port: 80, protocol: HTTP}
`, namespace)
}

// pipelineYAML is a pipeline with the given strategy, below canary:, and its target.
func pipelineYAML(name, canary, kubeconfig, queue string) []byte {
	return fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata:
  name: %[1]s
serialPipeline:
  stages:
    - targetId: %[1]s-prod
      strategy:
        canary:
%[2]s
---
apiVersion: serin.dev/v1
kind: Target
metadata:
  name: %[1]s-prod
kubernetes:
  kubeconfig: %[3]s
  namespace: %[1]s
taskQueue: %[4]s
`, name, canary, kubeconfig, queue)
}

// steps are a canary's percentages.
const steps = `
          canaryDeployment:
            percentages: [25, 50, 75]
`

func byGateway(extra string) string {
	return `          runtimeConfig:
            kubernetes:
              gatewayServiceMesh:
                httpRoute: shop
                service: shop
                deployment: shop
` + extra + steps
}

const byIngress = `          runtimeConfig:
            kubernetes:
              ingress:
                ingress: shop
                service: shop
                deployment: shop
                probe: {url: "http://%s/", header: X-Pod}
` + steps

const byPods = `          runtimeConfig:
            kubernetes:
              serviceNetworking:
                service: shop
                deployment: shop
                disablePodOverprovisioning: %t
` + steps
