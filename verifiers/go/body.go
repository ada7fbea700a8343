package countersign

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
)

// readBody reads the body, or one byte further than the limit, and puts it back.
func (v *Verifier) readBody(request *Request) ([]byte, error) {
	if request.Body == nil {
		return nil, nil
	}
	limit := v.bodyBytesMax
	if limit < math.MaxInt64 {
		limit++
	}
	body, err := io.ReadAll(io.LimitReader(request.Body, limit))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > v.bodyBytesMax {
		return nil, tooLarge(v.bodyBytesMax)
	}
	request.Body = bytes.NewReader(body)
	return body, nil
}

func tooLarge(bytesMax int64) error {
	return refused(BodyTooLarge, fmt.Sprintf("the body is larger than %d bytes", bytesMax))
}

// receivedBody is a request's body that says before its first byte that it is too large, where
// that is known: a client that waits for 100 Continue then need not send it.
type receivedBody struct {
	r        *http.Request
	bytesMax int64
}

func (b *receivedBody) Read(into []byte) (int, error) {
	if b.r.ContentLength > b.bytesMax {
		return 0, tooLarge(b.bytesMax)
	}
	return b.r.Body.Read(into)
}

// readAgain reads what was read before, and closes what it was read from.
type readAgain struct {
	io.Reader
	io.Closer
}
