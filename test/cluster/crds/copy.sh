# Copies the resource definitions out of the gateway-api module that go.mod requires.
set -eu
from=$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd/standard
for kind in gatewayclasses gateways grpcroutes httproutes referencegrants; do
	install -m 644 "$from/gateway.networking.k8s.io_$kind.yaml" "$kind.yaml"
done
