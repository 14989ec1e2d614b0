package render_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

func load(tb testing.TB, name string) testCase {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		tb.Fatal(err)
	}
	input, _, _ := strings.Cut(string(content), "\n----\n")
	tt, ok := tb.(*testing.T)
	if !ok {
		tb.Fatal("only tests parse cases")
	}
	return parse(tt, input)
}

// One Source serves many renders at once, each as if it were alone.
func TestRendersDoNotShareAnything(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"kustomize", "parameters", "skaffold-raw"} {
		c := load(t, name)
		s, err := render.Open(c.files)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Render(c.request)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				got, err := s.Render(c.request)
				if err != nil || !bytes.Equal(got.Content, want.Content) {
					t.Errorf("%s: a second render differs: %v\n%s", name, err, render.Diff(want.Content, got.Content))
				}
			})
		}
		wg.Wait()
	}
}

// A source that went through the artifact store renders as the folder does.
func TestAPackedSourceRendersTheSame(t *testing.T) {
	t.Parallel()
	c := load(t, "kustomize")
	direct, err := open(c.files, "", c.request)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := render.Pack(c.files)
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := render.Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := open(fsys, "", c.request)
	if err != nil || !bytes.Equal(direct.Content, stored.Content) {
		t.Errorf("%v\n%s", err, render.Diff(direct.Content, stored.Content))
	}
}

func TestParseReadsWhatRenderWrote(t *testing.T) {
	t.Parallel()
	c := load(t, "kustomize")
	want, err := open(c.files, "", c.request)
	if err != nil {
		t.Fatal(err)
	}
	got, err := render.Parse(want.Content)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Objects) != len(want.Objects) {
		t.Fatalf("got %v, want %v", got.Objects, want.Objects)
	}
	for i, o := range want.Objects {
		o.Source = ""
		if got.Objects[i] != o {
			t.Errorf("object %d: got %+v, want %+v", i, got.Objects[i], o)
		}
	}
	if _, err := render.Parse([]byte("kind: [")); rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("broken manifest: %v", err)
	}
}

func TestImagesAreJudgedOverTheWholeRelease(t *testing.T) {
	t.Parallel()
	pod := func(image string) fstest.MapFS {
		return fstest.MapFS{"a.yaml": {Data: []byte(
			"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: " + image + "}]}\n")}}
	}
	r := render.Request{Images: map[string]string{"app": "r/app:1", "web": "r/web:1"}, SomeImages: true}
	var manifests []render.Manifest
	for _, image := range []string{"app", "web", "side"} {
		m, err := open(pod(image), "", r)
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, m)
	}
	if err := render.CheckImages(manifests...); err != nil {
		t.Errorf("each name is used somewhere: %v", err)
	}
	err := render.CheckImages(manifests[0], manifests[2])
	if want := "images: no container uses web: the source has app, side"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	s, err := render.Open(load(t, "skaffold-raw").files)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Profiles(), " "); got != "canary quiet other" {
		t.Errorf("got %s", got)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{"a\n", "a\n", ""},
		{"", "", ""},
		{"a\nb\n", "a\nc\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"},
		{"a", "a\nb", "@@ -1 +1,2 @@\n a\n+b\n"},
		{"", "a\n", "@@ -0,0 +1 @@\n+a\n"},
	} {
		if got := render.Diff([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("diff %q %q: got %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// Aliases that double at every line must end as an error, not as memory.
func TestAliasesAreBounded(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\na0: &a0 [x, x]\n")
	for i := range 30 {
		c := string(rune('0'+i/10)) + string(rune('0'+i%10))
		prev := "0"
		if i > 0 {
			prev = string(rune('0'+(i-1)/10)) + string(rune('0'+(i-1)%10))
		}
		bomb.WriteString("b" + c + ": &a" + c + " [*a" + prev + ", *a" + prev + "]\n")
	}
	const kustomize = "apiVersion: skaffold/v4beta7\nkind: Config\nmanifests: {kustomize: {}}\n"
	for name, files := range map[string]map[string]string{
		"plain":         {"a.yaml": bomb.String()},
		"kustomize":     {"skaffold.yaml": kustomize, "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": bomb.String()},
		"kustomization": {"skaffold.yaml": kustomize, "kustomization.yaml": bomb.String()},
		"skaffold":      {"skaffold.yaml": bomb.String()},
		"cycle":         {"a.yaml": "a: &a [*a]\n"},
	} {
		fsys := fstest.MapFS{}
		for f, content := range files {
			fsys[f] = &fstest.MapFile{Data: []byte(content)}
		}
		_, err := open(fsys, "", render.Request{})
		if err == nil || !strings.Contains(err.Error(), "alias") || rollout.KindOf(err) != rollout.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the files hold, a render ends with a manifest that can be read back
// or with a typed error.
func FuzzRender(f *testing.F) {
	const config = "apiVersion: skaffold/v4beta7\nkind: Config\n"
	f.Add(config+"manifests: {rawYaml: [a.yaml]}\n", "resources: [a.yaml]\n", "apiVersion: v1\nkind: Pod\nmetadata: {name: a} # from-param: ${k}\n")
	f.Add(config+"manifests: {kustomize: {}}\n", "resources: [a.yaml]\nnamePrefix: x-\n", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a # from-param: ${k}\n")
	f.Add(config+"profiles: [{name: p, patches: [{op: add, path: /manifests/kustomize, value: {}}]}]\nmanifests: {}\n", "{}", "a: &a b\n")
	f.Fuzz(func(t *testing.T, skaffold, kustomization, manifest string) {
		fsys := fstest.MapFS{
			"skaffold.yaml":      {Data: []byte(skaffold)},
			"kustomization.yaml": {Data: []byte(kustomization)},
			"a.yaml":             {Data: []byte(manifest)},
		}
		for _, r := range []render.Request{
			{Parameters: map[string]string{"k": "v: ["}, Images: map[string]string{"app": "b"}, SomeImages: true},
			{Profiles: []string{"p"}, Parameters: map[string]string{"k": "[a]"}},
		} {
			m, err := open(fsys, "", r)
			if err != nil {
				if rollout.KindOf(err) != rollout.Invalid {
					t.Fatalf("untyped: %v", err)
				}
				continue
			}
			if _, err := render.Parse(m.Content); err != nil {
				t.Fatalf("cannot be read back: %v\n%s", err, m.Content)
			}
			if service, problems := render.CheckCloudRun(m, false); service == "" && len(problems) == 0 {
				t.Fatal("no service, and nothing stands against it")
			}
		}
	})
}
