package proto

import "unicode/utf8"

// ValidatePath says whether path may name a znode: absolute, no trailing slash but for the root, no
// empty, "." or ".." component, valid UTF-8, and none of the characters that ZooKeeper forbids (control
// characters, surrogates, private use and specials; characters beyond the BMP too, as they are surrogate
// pairs to Apache). The rule is Apache's PathUtils.validatePath.
func ValidatePath(path []byte) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	if len(path) == 1 {
		return true
	}
	if path[len(path)-1] == '/' {
		return false
	}
	start := 1 // of the current component
	for i := 1; i < len(path); {
		c := path[i]
		if c == '/' {
			if !validComponent(path[start:i]) {
				return false
			}
			i++
			start = i
			continue
		}
		if c < utf8.RuneSelf {
			if c < 0x20 || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(path[i:])
		if r == utf8.RuneError || r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0 {
			return false
		}
		i += n
	}
	return validComponent(path[start:])
}

func validComponent(c []byte) bool {
	switch len(c) {
	case 0:
		return false
	case 1:
		return c[0] != '.'
	case 2:
		return c[0] != '.' || c[1] != '.'
	}
	return true
}

// SplitPath returns the parent of path and its last component. path must hold a slash; the parent of a
// child of the root is "/". The results alias path.
func SplitPath(path []byte) (parent, name []byte) {
	i := len(path) - 1
	for i > 0 && path[i] != '/' {
		i--
	}
	if i == 0 {
		return path[:1], path[1:]
	}
	return path[:i], path[i+1:]
}
