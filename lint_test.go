package main

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules that no compiler checks, over all Go files of the module. Each test is one rule and names
// the place that breaks it.

const (
	module       = "gamekeeper"
	fileLinesMax = 800
)

// longFiles may be longer than fileLinesMax, up to the number of lines given here. Numbers only go down.
var longFiles = map[string]int{}

// layers lists what each package may import of ours; a package not listed may import what the nearest
// directory above it may. "server/..." stands for everything below server. Tests may import anything.
var layers = map[string][]string{
	".":               {"server", "server/admin", "server/config", "server/control", "bench", "tools/..."},
	"proto":           {},
	"netpoll":         {},
	"tree":            {"proto"},
	"wal":             {"proto"},
	"snapshot":        {"proto", "tree"},
	"zab":             {"proto", "zab/..."},
	"zab/simulation":  {"proto", "zab/...", "tree", "wal"},
	"server":          {"proto", "tree", "wal", "snapshot", "zab", "zab/transport", "netpoll", "server/..."},
	"server/config":   {},
	"server/admin":    {"proto"},
	"server/auth":     {"proto"},
	"server/session":  {"proto"},
	"server/watch":    {"proto"},
	"server/ordering": {"proto", "tree", "server/auth"},
	"server/control":  {"proto"},
	"server/recovery": {"proto", "tree", "snapshot"},
	"bench":           {"proto", "bench/..."},
	"bench/report":    {},
	"bench/target":    {"bench/report"},
	"tools":           {"proto", "tree", "wal", "snapshot", "server/config", "server/control", "server/epoch", "server/recovery", "tools/..."},
	"compat":          {},
	"examples":        {},
}

// deterministic are the packages, with all below them, whose results depend on their inputs alone.
var deterministic = []string{"tree", "zab", "server/ordering"}

// realWorld are exceptions below deterministic packages.
var realWorld = []string{"zab/transport"}

// clockFuncs are the functions of package time that read a clock or wait for one.
var clockFuncs = []string{
	"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until",
}

// seededRand are the functions of math/rand and math/rand/v2 that make a generator; all other functions
// draw from the global one, whose seed nobody knows.
var seededRand = []string{"New", "NewChaCha8", "NewPCG", "NewSource", "NewZipf"}

// sourceFile is one Go file of the module.
type sourceFile struct {
	path  string // from the root, with slashes
	dir   string
	test  bool
	lines int
	ast   *ast.File
}

func (f *sourceFile) position(fset *token.FileSet, n ast.Node) string {
	return f.path + ":" + strconv.Itoa(fset.Position(n.Pos()).Line)
}

// sources parses the Go files of the module: not those of other modules inside it, nor test data.
func sources(t *testing.T) (*token.FileSet, []*sourceFile) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*sourceFile
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		if d.IsDir() {
			_, noModule := os.Stat(path.Join(p, "go.mod"))
			name := d.Name()
			if p != "." && (noModule == nil || name == "testdata" || name[0] == '.' || name[0] == '_') {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, &sourceFile{
			path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"),
			lines: bytes.Count(text, []byte("\n")), ast: file,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fset, files
}

// within reports whether dir is parent or below it.
func within(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

func anyWithin(dir string, parents []string) bool {
	return slices.ContainsFunc(parents, func(p string) bool { return within(dir, p) })
}

// selected calls yield for each selector of an imported package in f, such as time.Sleep, with the path
// of the package.
func (f *sourceFile) selected(yield func(importPath string, sel *ast.SelectorExpr)) {
	imports := map[string]string{}
	for _, spec := range f.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(p)
		if name == "v2" {
			name = path.Base(path.Dir(p))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = p
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && imports[x.Name] != "" {
				yield(imports[x.Name], sel)
			}
		}
		return true
	})
}

func TestLintImportsGoOneWay(t *testing.T) {
	fset, files := sources(t)
	for _, f := range files {
		if f.test {
			continue
		}
		layer := f.dir
		for layers[layer] == nil && layer != "." {
			layer = path.Dir(layer)
		}
		if layer == "." && f.dir != "." {
			t.Errorf("%s: add the package to layers in lint_test.go", f.dir)
			continue
		}
		for _, spec := range f.ast.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			imported, ours := strings.CutPrefix(p, module+"/")
			if ours && !within(imported, layer) && !mayImport(layers[layer], imported) {
				t.Errorf("%s: package %s may not import %s", f.position(fset, spec), f.dir, imported)
			}
			if ours && within(imported, layer) && imported == path.Dir(f.dir) && within(f.dir, "server") {
				t.Errorf("%s: a package below server may not import it", f.position(fset, spec))
			}
		}
	}
}

func mayImport(allowed []string, imported string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		below, tree := strings.CutSuffix(a, "/...")
		return imported == a || tree && within(imported, below)
	})
}

func TestLintTestsDoNotSleep(t *testing.T) {
	fset, files := sources(t)
	for _, f := range files {
		f.selected(func(importPath string, sel *ast.SelectorExpr) {
			if f.test && importPath == "time" && sel.Sel.Name == "Sleep" {
				t.Errorf("%s: wait for a condition, not for time", f.position(fset, sel))
			}
		})
	}
}

func TestLintNoInit(t *testing.T) {
	fset, files := sources(t)
	for _, f := range files {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: no init functions", f.position(fset, fn))
			}
		}
	}
}

func TestLintDeterminism(t *testing.T) {
	fset, files := sources(t)
	for _, f := range files {
		if f.test || !anyWithin(f.dir, deterministic) || anyWithin(f.dir, realWorld) {
			continue
		}
		f.selected(func(importPath string, sel *ast.SelectorExpr) {
			name := sel.Sel.Name
			switch importPath {
			case "time":
				if slices.Contains(clockFuncs, name) {
					t.Errorf("%s: time.%s: take the time as an input", f.position(fset, sel), name)
				}
			case "math/rand", "math/rand/v2":
				if drawsGlobally(name) {
					t.Errorf("%s: rand.%s: take a generator as an input", f.position(fset, sel), name)
				}
			case "crypto/rand":
				t.Errorf("%s: crypto/rand: take a generator as an input", f.position(fset, sel))
			}
		})
	}
}

// drawsGlobally reports whether rand.name is a function of the global generator. What is left besides
// the makers of generators are types.
func drawsGlobally(name string) bool {
	types := []string{"ChaCha8", "PCG", "Rand", "Source", "Source64", "Zipf"}
	return !slices.Contains(seededRand, name) && !slices.Contains(types, name)
}

func TestLintFileLength(t *testing.T) {
	_, files := sources(t)
	lengths := map[string]int{}
	for _, f := range files {
		lengths[f.path] = f.lines
		if most := cmp.Or(longFiles[f.path], fileLinesMax); f.lines > most {
			t.Errorf("%s has %d lines, more than %d: cut it where a test wants to enter", f.path, f.lines, most)
		}
	}
	for p, most := range longFiles {
		if lengths[p] < most {
			t.Errorf("%s has %d lines: lower its number in longFiles, or take it out", p, lengths[p])
		}
	}
}

func TestLintPackagesHaveDoc(t *testing.T) {
	_, files := sources(t)
	documented := map[string]bool{".": true} // main.go is short
	for _, f := range files {
		if path.Base(f.path) == "doc.go" && f.ast.Doc != nil {
			documented[f.dir] = true
		}
	}
	for _, f := range files {
		if !documented[f.dir] && f.ast.Name.Name != "main" {
			t.Errorf("%s: write a doc.go with a package comment", f.dir)
			documented[f.dir] = true
		}
	}
}

// TestLintDecodersAreFuzzed wants every decoder to be within reach of a fuzz target of its package.
// Decoders are the exported methods of a type Decoder, and exported functions that begin with Decode,
// Parse or Unmarshal and take bytes. A name is within reach if a target mentions it, or if what the
// target mentions does.
func TestLintDecodersAreFuzzed(t *testing.T) {
	fset, files := sources(t)
	packages := map[string][]*sourceFile{}
	for _, f := range files {
		packages[f.dir] = append(packages[f.dir], f)
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		mentions := map[string][]string{}
		for _, f := range packages[dir] {
			collectMentions(f, mentions)
		}
		reached := map[string]bool{}
		for name := range mentions {
			if strings.HasPrefix(name, "Fuzz") {
				reach(name, mentions, reached)
			}
		}
		for _, f := range packages[dir] {
			for _, decl := range f.ast.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && !f.test && isDecoder(fn) && !reached[fn.Name.Name] {
					t.Errorf("%s: no fuzz target reaches %s", f.position(fset, fn), fn.Name.Name)
				}
			}
		}
	}
}

// collectMentions notes for each declaration at the top of f the names in it. Methods of the same name
// are taken together, which finds too much rather than too little.
func collectMentions(f *sourceFile, mentions map[string][]string) {
	note := func(name string, n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				mentions[name] = append(mentions[name], id.Name)
			}
			return true
		})
	}
	for _, decl := range f.ast.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			note(decl.Name.Name, decl)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					for _, name := range v.Names {
						note(name.Name, v)
					}
				}
			}
		}
	}
}

func reach(name string, mentions map[string][]string, reached map[string]bool) {
	if reached[name] {
		return
	}
	reached[name] = true
	for _, next := range mentions[name] {
		reach(next, mentions, reached)
	}
}

func isDecoder(fn *ast.FuncDecl) bool {
	if !fn.Name.IsExported() {
		return false
	}
	if fn.Recv != nil {
		recv := fn.Recv.List[0].Type
		if star, ok := recv.(*ast.StarExpr); ok {
			recv = star.X
		}
		id, ok := recv.(*ast.Ident)
		return ok && id.Name == "Decoder"
	}
	decodes := slices.ContainsFunc([]string{"Decode", "Parse", "Unmarshal"}, func(prefix string) bool {
		return strings.HasPrefix(fn.Name.Name, prefix)
	})
	return decodes && slices.ContainsFunc(fn.Type.Params.List, func(p *ast.Field) bool {
		array, ok := p.Type.(*ast.ArrayType)
		if !ok {
			return false
		}
		elem, ok := array.Elt.(*ast.Ident)
		return ok && elem.Name == "byte"
	})
}
