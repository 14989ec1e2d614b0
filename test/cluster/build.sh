# Builds the cluster into $1, an absolute path. The program says that it is the Kubernetes
# of go.mod (otherwise v0.0.0, which kubectl and Helm refuse to read), carries no symbols
# for debuggers (half of the time to link) and no stamp of the version control (it would be
# linked again for each commit).
set -eu
cd "$(dirname "$0")"
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
exec go build -buildvcs=false -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" -o "$1" .
