//go:build unix && !linux

package main

import "syscall"

// attributes leave the parent's death to withParent.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
