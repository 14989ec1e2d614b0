package traffic_test

import (
	"fmt"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// account makes a service account that has exactly the rights of a file of
// deploy/kubernetes/rbac in the scene's namespace, and returns a kubeconfig with its token.
func (s *scene) account(role string) string {
	s.T.Helper()
	const name = "serin-worker"
	client := s.cluster.Client
	_, err := client.CoreV1().ServiceAccounts(s.namespace).Create(s.Ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	s.must(err)
	for _, r := range s.roles(role) {
		_, err = client.RbacV1().Roles(s.namespace).Create(s.Ctx, &r, metav1.CreateOptions{})
		s.must(err)
		_, err = client.RbacV1().RoleBindings(s.namespace).Create(s.Ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: r.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: r.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: s.namespace}},
		}, metav1.CreateOptions{})
		s.must(err)
	}
	token, err := client.CoreV1().ServiceAccounts(s.namespace).CreateToken(s.Ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	s.must(err)
	return s.writeKubeconfig(token.Status.Token)
}

// roles reads a file of roles, which names no namespace.
func (s *scene) roles(file string) []rbacv1.Role {
	s.T.Helper()
	f, err := os.Open(filepath.Join("..", "..", "deploy", "kubernetes", "rbac", file+".yaml"))
	s.must(err)
	defer f.Close()
	var out []rbacv1.Role
	for d := yaml.NewYAMLOrJSONDecoder(f, 4096); ; {
		var r rbacv1.Role
		if d.Decode(&r) != nil {
			break
		}
		if r.Kind == "Role" {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		s.T.Fatal(fmt.Errorf("%s has no role", file))
	}
	return out
}

// writeKubeconfig is the admin's with another token.
func (s *scene) writeKubeconfig(token string) string {
	s.T.Helper()
	config, err := clientcmd.LoadFromFile(s.cluster.Kubeconfig)
	s.must(err)
	if s.proxy != nil {
		for _, c := range config.Clusters {
			c.Server, c.CertificateAuthorityData, c.CertificateAuthority, c.InsecureSkipTLSVerify = s.proxy.URL, s.proxy.CA, "", false
		}
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	}
	path := filepath.Join(s.T.TempDir(), "kubeconfig")
	s.must(clientcmd.WriteToFile(*config, path))
	return path
}
