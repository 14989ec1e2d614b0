package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/pipeline/internal/rule"
)

// roots are the types of the documents, in the order of the page.
func roots() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[pipeline.DeliveryPipeline](),
		reflect.TypeFor[pipeline.Target](),
		reflect.TypeFor[pipeline.CustomTargetType](),
		reflect.TypeFor[pipeline.Automation](),
		reflect.TypeFor[pipeline.DeployPolicy](),
		reflect.TypeFor[pipeline.Notification](),
	}
}

// comments are doc comments by "Type" or "Type.Field", each one line.
type comments map[string]string

func readComments(folder string) (comments, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("find the Go files in %s: %w", folder, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("find the Go files in %s: there are none: run it with go generate ./pipeline", folder)
	}
	out := comments{}
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("read the comments of %s: %w", path, err)
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				out.declaration(g)
			}
		}
	}
	return out, nil
}

func (c comments) declaration(g *ast.GenDecl) {
	for _, s := range g.Specs {
		t, ok := s.(*ast.TypeSpec)
		if !ok {
			continue
		}
		c[t.Name.Name] = line(g.Doc)
		fields, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range fields.Fields.List {
			name := ""
			if len(f.Names) > 0 {
				name = f.Names[0].Name
			} else if id, ok := f.Type.(*ast.Ident); ok {
				name = id.Name
			}
			c[t.Name.Name+"."+name] = line(f.Doc)
		}
	}
}

func line(g *ast.CommentGroup) string { return strings.Join(strings.Fields(g.Text()), " ") }

// field is the comment of f, about its key instead of its Go name.
func (c comments) field(f rule.Field) string {
	return renamed(c[f.Owner.Name()+"."+f.Go], f.Go, f.Name)
}

// object is the comment of t, about its title instead of its Go name, and what
// t says about the keys it shares with others.
func (c comments) object(t reflect.Type) string {
	out := renamed(c[t.Name()], t.Name(), title(t))
	for f := range t.Fields() {
		if f.Anonymous {
			out += " " + c[t.Name()+"."+f.Name]
		}
	}
	return strings.TrimSpace(out)
}

// title is what people call t.
func title(t reflect.Type) string {
	if t == reflect.TypeFor[pipeline.StageConfig]() {
		return "Stage"
	}
	return t.Name()
}

func renamed(text, from, to string) string {
	if rest, ok := strings.CutPrefix(text, from); ok {
		return to + rest
	}
	return text
}

// element is what t holds: of a pointer, a list or a map.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// isObject reports whether t has keys of its own.
func isObject(t reflect.Type) bool { return t.Kind() == reflect.Struct && len(rule.Fields(t)) > 0 }

// objects lists the object types reachable from t, each once, t first, and
// leaves out those in seen, to which it adds.
func objects(t reflect.Type, seen map[reflect.Type]bool) []reflect.Type {
	if !isObject(t) || seen[t] {
		return nil
	}
	seen[t] = true
	out := []reflect.Type{t}
	for _, f := range rule.Fields(t) {
		out = append(out, objects(element(f.Type), seen)...)
	}
	return out
}
