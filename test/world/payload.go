package world

import (
	"google.golang.org/protobuf/reflect/protoreflect"
)

// payloadName is the type of everything that workflows and activities exchange.
const payloadName = "temporal.api.common.v1.Payload"

// walk calls found with the data of every payload in m.
func walk(m protoreflect.Message, found func([]byte)) {
	if m.Descriptor().FullName() == payloadName {
		found(m.Get(m.Descriptor().Fields().ByName("data")).Bytes())
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, inner protoreflect.Value) bool {
				walk(inner.Message(), found)
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				walk(v.List().Get(i).Message(), found)
			}
		case f.Message() != nil && !f.IsMap():
			walk(v.Message(), found)
		}
		return true
	})
}
