// The carrier as a whole.
import Outreach
