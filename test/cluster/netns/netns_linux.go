package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Start starts what command returns as the first process of new namespaces: user,
// network and process ids. Everything that it starts ends with it, and it ends with the
// calling goroutine's thread, so Start never lets go of that thread: call it where the
// caller's life is. The machine's root may do without a user namespace where those are
// switched off.
//
// command is called once for each try. The error wraps ErrNotPermitted where namespaces
// cannot be made.
func Start(command func() *exec.Cmd) (*exec.Cmd, error) {
	runtime.LockOSThread()
	const apart = syscall.CLONE_NEWNET | syscall.CLONE_NEWPID
	cmd := command()
	err := start(cmd, apart|syscall.CLONE_NEWUSER)
	if err != nil && os.Geteuid() == 0 {
		cmd = command()
		if again := start(cmd, apart); again == nil {
			return cmd, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start in a network of its own: %w", permission(err))
	}
	return cmd, nil
}

func start(cmd *exec.Cmd, flags uintptr) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: flags,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // a Ctrl-C at the terminal reaches only the launcher, which ends the rest in order
	}
	if flags&syscall.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return cmd.Start()
}

// permission adds ErrNotPermitted to what a system without namespaces, without rights to
// them, or without any left, answers.
func permission(err error) error {
	for _, refusal := range []syscall.Errno{unix.EPERM, unix.EACCES, unix.EINVAL, unix.ENOSPC, unix.ENOSYS, unix.EUSERS} {
		if errors.Is(err, refusal) {
			return fmt.Errorf("%w: %w (allow them with sysctl: user.max_user_namespaces and, where they exist, "+
				"kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns)", ErrNotPermitted, err)
		}
	}
	return err
}

// SetUp makes the network of a new namespace: the loopback device with all addresses.
// The error wraps ErrNotPermitted where a namespace can be made but not used, as AppArmor
// does on some systems.
func SetUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find device lo: %w", permission(err))
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring up device lo: %w", permission(err))
	}
	for _, a := range []string{APIServer + "/32", Gateway + "/32", Pods} {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(lo, addr); err != nil {
			return fmt.Errorf("add %s to device lo: %w", a, permission(err))
		}
	}
	return nil
}
