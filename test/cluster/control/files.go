package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/serin-dev/serin/test/cluster/netns"
)

// The users, each with a token. All are in the group system:masters: what a controller
// may do is not what is tested here, and a test that wants a user with few rights uses a
// ServiceAccount. Their names tell them apart in the audit log.
const (
	// Admin is who a test or a person is.
	Admin = "admin"
	// Controllers is the controller manager.
	Controllers = "system:kube-controller-manager"
	// Scheduler is the scheduler.
	Scheduler = "system:kube-scheduler"
	// Node is the node whose pods are processes.
	Node = "system:node:serin-node"
	// Gateway is the gateway.
	Gateway = "serin-gateway"
	// Kwok is who pretends to be the other nodes.
	Kwok = "kwok"
	// Setup is who makes the first objects.
	Setup = "serin-setup"
)

func users() []string {
	return []string{Admin, Controllers, Scheduler, Node, Gateway, Kwok, Setup}
}

// Name is what the cluster and the context are called in a kubeconfig.
const Name = "serin-test"

const (
	certificateFile = "apiserver.crt"
	keyFile         = "apiserver.key"
	accountKeyFile  = "serviceaccount.key"
	tokensFile      = "tokens.csv"
	policyFile      = "audit-policy.yaml"
)

// policy writes what happened, not what was in it. A watch is written when it begins, as
// it may never end; everything else when it has been answered.
const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- level: Metadata
  verbs: [watch]
  omitStages: [RequestReceived, ResponseComplete, Panic]
- level: Metadata
  omitStages: [RequestReceived, ResponseStarted, Panic]
`

// Files is what a control plane needs to start, all in one folder.
type Files struct {
	// Dir is the folder, an absolute path.
	Dir string

	tokens map[string]string // of each user
}

// Write makes keys, tokens and configuration for a new control plane in the folder dir,
// which must exist.
func Write(dir string) (Files, error) {
	f := Files{Dir: dir, tokens: map[string]string{}}
	if err := os.MkdirAll(f.path("logs"), 0o700); err != nil {
		return Files{}, err
	}
	var tokens strings.Builder
	for _, user := range users() {
		f.tokens[user] = rand.Text()
		fmt.Fprintf(&tokens, "%s,%s,%s,system:masters\n", f.tokens[user], user, user)
	}
	err := errors.Join(
		f.write(tokensFile, []byte(tokens.String())),
		f.write(policyFile, []byte(policy)),
		f.writeKeys(),
	)
	for _, user := range []string{Controllers, Scheduler, Kwok} { // the others get theirs as Config
		err = errors.Join(err, f.WriteKubeconfig(f.kubeconfig(user), "https://"+netns.APIServer+":"+Port, user))
	}
	return f, err
}

// Certificate is the path of the API server's certificate, which signs itself.
func (f Files) Certificate() string { return f.path(certificateFile) }

// Audit is the path of the audit log.
func (f Files) Audit() string { return f.path("audit.log") }

// Token is what user, one of the constants above, shows to the API server.
func (f Files) Token(user string) string { return f.tokens[user] }

// WriteKubeconfig writes a file with which kubectl and client-go act as user on server, a URL.
func (f Files) WriteKubeconfig(path, server, user string) error {
	ca, err := os.ReadFile(f.Certificate())
	if err != nil {
		return err
	}
	return clientcmd.WriteToFile(api.Config{
		CurrentContext: Name,
		Clusters:       map[string]*api.Cluster{Name: {Server: server, CertificateAuthorityData: ca}},
		AuthInfos:      map[string]*api.AuthInfo{user: {Token: f.tokens[user]}},
		Contexts:       map[string]*api.Context{Name: {Cluster: Name, AuthInfo: user, Namespace: "default"}},
	}, path)
}

func (f Files) kubeconfig(user string) string {
	return f.path(strings.ReplaceAll(user, ":", "-") + ".kubeconfig")
}

func (f Files) path(name string) string { return filepath.Join(f.Dir, name) }

func (f Files) write(name string, content []byte) error {
	return os.WriteFile(f.path(name), content, 0o600)
}

// writeKeys makes the key that signs the tokens of ServiceAccounts and the API server's
// own, with a certificate for all its names, outside and inside the network.
func (f Files) writeKeys() error {
	account, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serving, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "kubernetes"},
		DNSNames:              []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(netns.APIServer), net.IPv4(10, 96, 0, 1)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, serving.Public(), serving)
	if err != nil {
		return err
	}
	return errors.Join(
		f.writeKey(accountKeyFile, account),
		f.writeKey(keyFile, serving),
		f.write(certificateFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
	)
}

func (f Files) writeKey(name string, key *ecdsa.PrivateKey) error {
	b, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return f.write(name, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: b}))
}
