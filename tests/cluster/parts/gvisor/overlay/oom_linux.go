// Package sys stands in for containerd's own where lowering an OOM score is not permitted: the kernel's refusal is no
// error here, for a sandbox runs as well with the score that it has.
package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// The kernel's own bounds.
const (
	OOMScoreAdjMin = -1000
	OOMScoreAdjMax = 1000
)

func scoreFile(pid int) string {
	return fmt.Sprintf("/proc/%d/oom_score_adj", pid)
}

// AdjustOOMScore sets a score, or the bound that is nearest to it.
func AdjustOOMScore(pid, score int) error {
	return SetOOMScore(pid, min(max(score, OOMScoreAdjMin), OOMScoreAdjMax))
}

// SetOOMScore sets a score where the kernel permits it.
func SetOOMScore(pid, score int) error {
	if score < OOMScoreAdjMin || score > OOMScoreAdjMax {
		return fmt.Errorf("an OOM score of %d is out of range", score)
	}
	err := os.WriteFile(scoreFile(pid), []byte(strconv.Itoa(score)), 0)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// GetOOMScoreAdj reads a score.
func GetOOMScoreAdj(pid int) (int, error) {
	text, err := os.ReadFile(scoreFile(pid))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
