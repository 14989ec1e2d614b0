package traffic_test

import (
	"os"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// account makes a service account that has exactly the rights of some files of
// deploy/kubernetes/rbac in the scene's namespace, and returns a kubeconfig with its token.
func (s *scene) account(files string) string {
	s.T.Helper()
	const name = "serin-worker"
	client := s.cluster.Client
	_, err := client.CoreV1().ServiceAccounts(s.namespace).Create(s.Ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	s.must(err)
	for _, r := range s.roles(files) {
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

// roles reads files of roles, which name no namespace.
func (s *scene) roles(files string) (out []rbacv1.Role) {
	s.T.Helper()
	for _, file := range strings.Fields(files) {
		content, err := os.ReadFile(filepath.Join("..", "..", "deploy", "kubernetes", "rbac", file+".yaml"))
		s.must(err)
		for _, document := range strings.Split(string(content), "\n---\n") {
			var r rbacv1.Role
			s.must(yaml.UnmarshalStrict([]byte(document), &r))
			if r.Kind != "Role" || len(r.Rules) == 0 {
				s.T.Fatalf("%s has %q %q with %d rules, want roles only", file, r.Kind, r.Name, len(r.Rules))
			}
			out = append(out, r)
		}
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
