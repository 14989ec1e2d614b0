package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	serversql "go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/resolver"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retention is how long a closed workflow's history stays readable. Temporal's
// own default of a day would lose a release's record over a weekend.
const retention = 30 * 24 * time.Hour

// stateDir is where Serin keeps what must survive on this machine. The base
// directory specification says to ignore a relative XDG_STATE_HOME.
func stateDir() (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the state directory: %w: set XDG_STATE_HOME", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "serin"), nil
}

// DefaultFile is the database of a Server whose Options name none:
// serin/temporal.db under XDG_STATE_HOME, or under ~/.local/state without it.
// Beside it are temporal.db.version, which names the server that
// wrote it, and temporal.db.lock, which names the address of the one that has
// it open.
func DefaultFile() (string, error) {
	dir, err := stateDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "temporal.db"), nil
}

// store is the database of one Server.
type store struct {
	sql   config.SQL
	file  string // empty in memory
	lock  *lock  // nil in memory
	ready bool   // after prepare
}

func newStore(o Options) (*store, error) {
	if o.Ephemeral {
		return memory(o)
	}
	file := o.File
	if file == "" {
		var err error
		if file, err = DefaultFile(); err != nil {
			return nil, err
		}
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find the database %q: %w", file, err)
	}
	if err = os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make the database's directory: %w", err)
	}
	l, err := acquire(file)
	if err != nil {
		return nil, err
	}
	// Pragmas go by their plain names. One connection, the default, is faster
	// than several and never busy. synchronous 2 is FULL.
	return &store{file: file, lock: l, sql: config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: (&url.URL{Path: file}).EscapedPath(),
		ConnectAttributes: map[string]string{
			"mode": "rwc", "journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000",
		},
	}}, nil
}

func memory(o Options) (*store, error) {
	if o.File != "" {
		return nil, fmt.Errorf("an ephemeral server keeps nothing, but the file %s is named: leave out one of them", o.File)
	}
	return &store{sql: config.SQL{
		PluginName:        sqliteplugin.PluginName,
		DatabaseName:      "serin-" + rand.Text(),
		ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
	}}, nil
}

// prepare makes the database ready for a server that will listen on address.
func (s *store) prepare(address string) error {
	if s.file != "" {
		if err := s.lock.announce(address); err != nil {
			return err
		}
		if err := s.createOrCheck(); err != nil {
			return err
		}
	}
	ns, err := sqlite.NewNamespaceConfig(cluster, Namespace, false, nil)
	if err != nil {
		return fmt.Errorf("describe namespace %s: %w", Namespace, err)
	}
	ns.Detail.Config.Retention = durationpb.New(retention)
	if err := sqlite.CreateNamespaces(&s.sql, ns); err != nil {
		return fmt.Errorf("create namespace %s: %w", Namespace, err)
	}
	s.ready = true
	return nil
}

// createOrCheck writes the version file last, so a database that lacks one was
// never finished. The database is never opened here when it exists: closing it
// would drop the locks that SQLite holds for the whole process.
func (s *store) createOrCheck() error {
	f, err := os.OpenFile(s.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return s.check()
	}
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	if err := sqlite.SetupSchema(&s.sql); err != nil {
		return fmt.Errorf("create the tables in %s: %w", s.file, err)
	}
	if err := os.WriteFile(s.file+".version", []byte(headers.ServerVersion+"\n"), 0o600); err != nil {
		return fmt.Errorf("record the database's version: %w", err)
	}
	return nil
}

func (s *store) check() error {
	b, err := os.ReadFile(s.file + ".version")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no %s.version beside it, so it was not finished or is not Serin's: move it away to start a new one",
			s.file, filepath.Base(s.file))
	}
	if err != nil {
		return fmt.Errorf("read the database's version: %w", err)
	}
	if v := strings.TrimSpace(string(b)); v != headers.ServerVersion {
		return fmt.Errorf("%s was written by Temporal %q, and a SQLite database cannot be migrated: "+
			"finish its releases with the Serin that wrote it, or move %[1]s* away to start a new one", s.file, v)
	}
	if err := os.Chmod(s.file, 0o600); err != nil {
		return fmt.Errorf("keep the database from others: %w", err)
	}
	return nil
}

// close moves what the write-ahead log still holds into the database, so that a
// copy of that one file is a backup, and gives it free.
func (s *store) close() error {
	if s.lock == nil {
		return nil
	}
	return errors.Join(s.fold(), s.lock.release())
}

func (s *store) fold() (err error) {
	if !s.ready {
		return nil
	}
	db, err := serversql.NewSQLAdminDB(sqlplugin.DbKindUnknown, &s.sql, resolver.NewNoopResolver(),
		log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		return fmt.Errorf("open the database once more: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", err)
	}
	return nil
}
