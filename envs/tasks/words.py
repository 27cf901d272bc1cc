"""Word lists that the suite's tasks draw from.

Each entry is one plain ASCII word, so that small models can copy it. No two lists share a word.
"""

FIRST_NAMES = (
    "Ada", "Alan", "Amir", "Anna", "Aria", "Bela", "Ben", "Carl", "Cleo", "Dana", "Dora", "Eli",
    "Emma", "Eric", "Eva", "Finn", "Gina", "Hugo", "Ines", "Iris", "Ivan", "Jack", "Jane", "Joel",
    "Juno", "Kai", "Kira", "Lars", "Lena", "Leo", "Lina", "Lucy", "Marc", "Mina", "Nina", "Noah",
    "Nora", "Olga", "Omar", "Otto", "Paul", "Rosa", "Ruth", "Sara", "Theo", "Tina", "Vera", "Yara",
)  # fmt: skip

TOPICS = (
    "Audit", "Bakery", "Bicycle", "Bridge", "Budget", "Camera", "Canteen", "Castle", "Climate",
    "Coffee", "Contract", "Cotton", "Dairy", "Delivery", "Energy", "Engine", "Export", "Ferry",
    "Festival", "Forest", "Freight", "Furniture", "Garden", "Glass", "Harbor", "Harvest", "Hotel",
    "Housing", "Insurance", "Island", "Kitchen", "Lighting", "Logistics", "Market", "Medicine",
    "Metal", "Mountain", "Museum", "Music", "Nutrition", "Ocean", "Orchard", "Packaging", "Parking",
    "Payroll", "Pension", "Planet", "Postage", "Printing", "Radio", "Railway", "River", "Safety",
    "School", "Shipping", "Solar", "Storage", "Textile", "Theater", "Timber", "Tourism", "Traffic",
    "Training", "Travel", "Vehicle", "Warranty", "Water", "Weather",
)  # fmt: skip

DEPARTMENTS = (
    "Accounts", "Admissions", "Archive", "Claims", "Compliance", "Customs", "Design", "Events",
    "Facilities", "Finance", "Grants", "Legal", "Marketing", "Nursing", "Operations", "Planning",
    "Procurement", "Quality", "Records", "Research", "Sales", "Security", "Services", "Support",
)  # fmt: skip

ITEMS = (
    "Badge", "Chair", "Desk", "Dock", "Headset", "Keyboard", "Lamp", "Laptop", "Locker", "Monitor",
    "Mouse", "Phone", "Printer", "Projector", "Scanner", "Tablet",
)  # fmt: skip

PANELS = (
    "Account", "Calendar", "Display", "Language", "Notifications", "Privacy", "Sharing", "Sound",
)  # fmt: skip

# A setting is one of each: "Weekly digest", "Team alerts".
SETTING_KINDS = (
    "Daily", "Desktop", "Group", "Guest", "Local", "Mobile", "Monthly", "Night", "Office",
    "Partner", "Project", "Public", "Remote", "Shared", "Smart", "Team", "Urgent", "Visitor",
    "Weekend", "Weekly",
)  # fmt: skip
SETTING_THINGS = (
    "alerts", "backups", "badges", "banners", "calls", "captions", "contacts", "digest", "filters",
    "hints", "history", "invites", "labels", "mentions", "previews", "receipts", "reminders",
    "replies", "reports", "shortcuts", "sounds", "summary", "themes", "updates",
)  # fmt: skip

# A book is called by one of these and a topic: "Modern Travel".
TITLE_WORDS = (
    "Ancient", "Applied", "Complete", "Early", "Essential", "Global", "Great", "Hidden",
    "Illustrated", "Living", "Modern", "Open", "Practical", "Quiet", "Rural", "Secret", "Simple",
    "Small", "Urban", "Visual",
)  # fmt: skip

FORMATS = ("csv", "json", "txt")
